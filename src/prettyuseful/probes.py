"""Probes: deterministic per-image transforms that keep one cue. So far the one that keeps everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """A cue by name. What it wants to be trained with comes with the probes that transform."""

    name: str


RGB = Probe(name="rgb")
