"""Probes: what leaves one cue in training and test images alike, and how classifiers are trained and tested on that."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.transforms.band import PRESETS
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.structure import Depth, Edges

SMALL_SIDE = 64
"""Up to so many pixels, images count as small."""


@dataclass(frozen=True)
class Probe:
    """A transform, and what goes with it unless a study says otherwise.

    `transform`: deterministic, per image; None leaves images as they are. `small_recipe`, `large_recipe`: the default
    recipe for tasks of small images and of others. `architecture`: the only one that this probe is of any use with;
    None takes the study's. `crops`: a test image is seen in so many by so many fixed squares, see `recipes.View`.
    """

    transform: TransformSource | None = None
    small_recipe: str = "small"
    large_recipe: str = "paper-probe"
    architecture: str | None = None
    crops: int = 1

    def default_recipe(self, native_size: int) -> str:
        """For a task whose images have short sides of about so many pixels."""
        return self.small_recipe if native_size <= SMALL_SIDE else self.large_recipe


RGB = Probe(large_recipe="paper")
STRUCTURE = Probe(Depth())
EDGES = Probe(Edges())
# The released code tests on random crops; two by two fixed ones, which tile the image, give the same figure twice.
TEXTURE = Probe(small_recipe="small-texture", large_recipe="texture", architecture="bagnet9", crops=2)
LOW_PASS = Probe(PRESETS["low-pass"])
HIGH_PASS = Probe(PRESETS["high-pass"])
RELEASED_HIGH_PASS = Probe(PRESETS["released"])
