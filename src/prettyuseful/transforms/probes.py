"""Probes: transforms that leave one cue in training and test images, with the recipe of the classifiers."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.registry import Registry
from prettyuseful.transforms.band import PRESETS
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.structure import Depth, Edges

SMALL_SIDE = 64
"""Largest short side, in pixels, of tasks that use the recipe for small images."""


@dataclass(frozen=True)
class Probe:
    """A transform of training and test images, with default settings for its classifiers.

    `transform`: deterministic, per image; None leaves images unchanged. `small_recipe`, `large_recipe`: default recipes
    for tasks with small images and with larger images. `architecture`: the only architecture that makes sense for this
    probe; None uses the architectures of the study. `crops`: test images are classified from `crops` x `crops` fixed
    squares, see `recipes.View`.
    """

    name: str
    summary: str = ""
    transform: TransformSource | None = None
    small_recipe: str = "small"
    large_recipe: str = "paper-probe"
    architecture: str | None = None
    crops: int = 1

    def default_recipe(self, native_size: int) -> str:
        """Return the default recipe for a task whose images have short sides of about `native_size` pixels."""
        return self.small_recipe if native_size <= SMALL_SIDE else self.large_recipe


PROBES = Registry(
    "probe",
    Probe,
    (
        Probe("rgb", "the unchanged images", large_recipe="paper"),
        Probe("structure", "depth maps by Depth-Anything-V2-Large", Depth()),
        Probe("edges", "edge and silhouette maps: structure without a depth model", Edges()),
        # The released code tests on random crops. A fixed grid of 2 x 2 crops, which tile the image, is reproducible.
        Probe(
            "texture",
            "a BagNet-9 on crops, with a receptive field of 9 px: local texture",
            small_recipe="small-texture",
            large_recipe="texture",
            architecture="bagnet9",
            crops=2,
        ),
        Probe("low-pass", "frequencies below 0.1 of Nyquist, as in the paper", PRESETS["low-pass"]),
        Probe("high-pass", "frequencies above 0.1 of Nyquist, as in the paper", PRESETS["high-pass"]),
        Probe("released-high-pass", "frequencies above 0.9 of Nyquist, as in the paper's code", PRESETS["released"]),
    ),
)
