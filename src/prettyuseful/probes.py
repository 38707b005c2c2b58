"""Probes: deterministic per-image transforms that keep one cue, applied to training and test images alike."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.transforms.band import PRESETS
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.structure import Depth, Edges


@dataclass(frozen=True)
class Probe:
    """A cue by name, and the transform that leaves it alone; None leaves images as they are."""

    name: str
    transform: TransformSource | None = None


RGB = Probe("rgb")
STRUCTURE = Probe("structure", Depth())
EDGES = Probe("edges", Edges())
LOW_PASS = Probe("low-pass", PRESETS["low-pass"])
HIGH_PASS = Probe("high-pass", PRESETS["high-pass"])
RELEASED_HIGH_PASS = Probe("released-high-pass", PRESETS["released"])
