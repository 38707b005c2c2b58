"""Probes: deterministic per-image transforms that keep one cue. So far the one that keeps everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """`default_recipe` is what a study trains with when it does not say otherwise."""

    name: str
    default_recipe: str


RGB = Probe(name="rgb", default_recipe="small")
