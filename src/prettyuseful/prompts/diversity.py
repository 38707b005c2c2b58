"""How much the prompts of a class differ: word 3-grams, and the overlap of pairs of prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, combinations
from math import sqrt
from statistics import mean

from pydantic import BaseModel, ConfigDict, Field

from prettyuseful import student

GRAM = 3
"""Words of an n-gram."""
_MOST = 50  # prompts of a class whose pairs are compared, the first ones
_EXAMPLES = 3
_MAX_EXAMPLE = 300  # characters
_LEVEL = 0.95
_WORD = re.compile(r"\w+")
Grams = frozenset[tuple[str, ...]]


class PromptOverlap(BaseModel):
    """The mean overlap of two prompts of a class, 0-1, over classes, with its 95% interval for other prompts of the
    same origin and the same classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mean: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class PromptDiversity(BaseModel):
    """How much the prompts of a data set differ within their classes.

    `prompts`: number of different prompts. `grams`, `different_grams`: number of word 3-grams of all prompts of a
    class, summed over classes, and how many of them are different within their class (Li et al., "A diversity-promoting
    objective function", 2016, take their ratio, distinct-n). `overlap`: of two prompts, see `overlap_of`; None with
    fewer than two different prompts in a class. `examples`: some prompts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompts: int = Field(ge=0)
    grams: int = Field(ge=0)
    different_grams: int = Field(ge=0)
    overlap: PromptOverlap | None = None
    examples: tuple[str, ...] = ()


def grams_of(text: str) -> Grams:
    """Return the different word 3-grams of a text in small letters; a shorter text is one n-gram of all its words."""
    return frozenset(_all_grams(text))


def overlap_of(a: Grams, b: Grams) -> float:
    """Return the Jaccard index of two sets of n-grams, 0-1: shared ones over different ones."""
    return len(a & b) / len(a | b) if a or b else 1.0


def diversity_of(prompts: Sequence[Sequence[str]]) -> PromptDiversity:
    """Return the diversity of the prompts of each class. Equal prompts of a class count once."""
    different = [list(dict.fromkeys(of_class)) for of_class in prompts]
    grams = [list(chain.from_iterable(map(_all_grams, of_class))) for of_class in different]
    examples = [prompt for of_class in different for prompt in of_class[:1]] + different[0][1:]
    return PromptDiversity(
        prompts=sum(map(len, different)),
        grams=sum(map(len, grams)),
        different_grams=sum(len(set(of_class)) for of_class in grams),
        overlap=_mean_overlap([[grams_of(prompt) for prompt in of_class[:_MOST]] for of_class in different]),
        examples=tuple(example[:_MAX_EXAMPLE] for example in examples[:_EXAMPLES]),
    )


def _mean_overlap(classes: Sequence[Sequence[Grams]]) -> PromptOverlap | None:
    """Return the mean of the classes' mean overlaps of pairs. Its variance is that of jackknives over prompts."""
    if any(len(of_class) < 2 for of_class in classes):
        return None
    means, variance, freedom = [], 0.0, 0
    for of_class in classes:
        number = len(of_class)
        sums = [0.0] * number  # of the overlaps of each prompt with the others
        for a, b in combinations(range(number), 2):
            overlap = overlap_of(of_class[a], of_class[b])
            sums[a] += overlap
            sums[b] += overlap
        pairs, total = number * (number - 1) / 2, sum(sums) / 2
        means.append(total / pairs)
        if number > 2:
            left_out = [(total - own) / (pairs - number + 1) for own in sums]
            centre = mean(left_out)
            variance += (number - 1) / number * sum((value - centre) ** 2 for value in left_out)
            freedom += number - 1
    if not freedom:  # pairs of two prompts say nothing about their variation
        return None
    centre = mean(means)
    half = student.quantile(_LEVEL, freedom) * sqrt(variance) / len(classes)
    return PromptOverlap(mean=centre, low=max(0.0, centre - half), high=min(1.0, centre + half))


def _all_grams(text: str) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return [tuple(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1)] or ([tuple(words)] if words else [])
