"""Probes: what leaves one cue in training and test images alike, and how classifiers are trained and tested on that."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.registry import Registry
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

    name: str
    summary: str = ""
    transform: TransformSource | None = None
    small_recipe: str = "small"
    large_recipe: str = "paper-probe"
    architecture: str | None = None
    crops: int = 1

    def default_recipe(self, native_size: int) -> str:
        """For a task whose images have short sides of about so many pixels."""
        return self.small_recipe if native_size <= SMALL_SIDE else self.large_recipe


PROBES = Registry(
    "probe",
    Probe,
    (
        Probe("rgb", "the images as they are", large_recipe="paper"),
        Probe("structure", "depth maps by Depth-Anything-V2-Large", Depth()),
        Probe("edges", "an edge and silhouette map: structure without a model", Edges()),
        # The released code tests on random crops; two by two fixed ones, which tile the image, give the same figure
        # twice.
        Probe(
            "texture",
            "a BagNet-9 on crops: what is seen through windows of 9 px",
            small_recipe="small-texture",
            large_recipe="texture",
            architecture="bagnet9",
            crops=2,
        ),
        Probe("low-pass", "frequencies below 0.1 of Nyquist, the paper's", PRESETS["low-pass"]),
        Probe("high-pass", "frequencies from 0.1 of Nyquist on, the paper's", PRESETS["high-pass"]),
        Probe(
            "released-high-pass", "from 0.9 of Nyquist on, as the paper's code flips the cutoff", PRESETS["released"]
        ),
    ),
)
