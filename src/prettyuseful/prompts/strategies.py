"""How a class becomes prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Prompts:
    """`prompts[c]` are the prompts of class `classes[c]`; image `i` takes the one at `i` modulo their number."""

    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]

    def of(self, label: int, index: int) -> str:
        options = self.prompts[label]
        return options[index % len(options)]


def class_names(classes: Sequence[str]) -> Prompts:
    """Every class by its name alone."""
    return Prompts(tuple(classes), tuple((name,) for name in classes))


def from_captions(classes: Sequence[str], captions: Sequence[tuple[int, str]]) -> Prompts:
    """Captions as (label, text), in the order of the real images."""
    texts: list[list[str]] = [[] for _ in classes]
    for label, text in captions:
        texts[label].append(f"{classes[label]}, {text}")
    return Prompts(tuple(classes), tuple(tuple(options) for options in texts))
