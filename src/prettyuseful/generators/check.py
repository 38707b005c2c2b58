"""Does a generator keep its contract? Tried on small requests, and said in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from prettyuseful.generators.base import Generator, Request
from prettyuseful.generators.custom import as_array, open_custom, problem_with
from prettyuseful.interface_checks import Attempt, BrokenContractError, Check, Finding, findings

_SEEDS = (3, 2**63 - 1, 17, 2**40 + 5)
_TWIN = 2**32 + 3  # equal to the first seed where 63 bits are cut to 32


def check_generator(
    make: Callable[[], Generator], classes: Sequence[tuple[str, str]] = (("cat", "cat"), ("dog", "dog"))
) -> list[Finding]:
    """Tries a generator on four seeds and two classes, in several orders, and twice from new.

    Args:
        make: makes the generator.
        classes: two (class name, prompt) pairs whose images should differ.
    """
    return list(findings(_attempts(_Trial(make, classes))))


def check_own_generator(name: str) -> list[Finding]:
    """`check_generator` for the class that a user names as `module:Class`."""
    return check_generator(lambda: open_custom(name))


CHECK = Check("generator", "prompts and seeds to images", check_own_generator)


def _attempts(trial: _Trial) -> tuple[Attempt, ...]:
    return (
        ("it can be made", trial.made, True),
        ("images have the right shape and type", trial.shape, True),
        ("the same request gives the same images", trial.again, False),
        ("a new object gives the same images", trial.anew, False),
        ("images do not depend on the order of the batch", trial.order, False),
        ("images do not depend on their neighbours", trial.neighbours, False),
        ("every seed gives another image", trial.seeds, False),
        ("images follow the class", trial.labels, False),
        ("applied() can be recorded", trial.said, False),
    )


class _Trial:
    """The tries, in the order in which they make sense."""

    def __init__(self, make: Callable[[], Generator], classes: Sequence[tuple[str, str]]) -> None:
        self.make = make
        self.request, self.other = (
            Request(prompt, name, label, _SEEDS) for label, (name, prompt) in enumerate(classes[:2])
        )

    @cached_property
    def generator(self) -> Generator:
        return self.make()

    @cached_property
    def first(self) -> np.ndarray:
        return self.images(self.request).copy()

    def images(self, request: Request, generator: Generator | None = None) -> np.ndarray:
        images = (generator or self.generator).generate(request)
        if problem := problem_with(images, request):
            raise BrokenContractError(f"{problem}; return (N, height, width, 3) uint8, one image per seed")
        return as_array(images)

    def made(self) -> None:
        assert self.generator is not None

    def shape(self) -> None:
        assert self.first is not None

    def again(self) -> None:
        if not np.array_equal(self.images(self.request), self.first):
            raise BrokenContractError("they differ; take all randomness from the seeds")

    def anew(self) -> None:
        if not np.array_equal(self.images(self.request, self.make()), self.first):
            raise BrokenContractError("they differ; set up weights and state the same way every time")

    def order(self) -> None:
        order = [2, 0, 3, 1]
        turned = replace(self.request, seeds=tuple(_SEEDS[i] for i in order))
        if not np.array_equal(self.images(turned), self.first[order]):
            raise BrokenContractError("they do; image i may depend on seeds[i], not on its place")

    def neighbours(self) -> None:
        mixed = replace(self.request, seeds=(_SEEDS[0], 101, 102, 103))
        if not np.array_equal(self.images(mixed)[0], self.first[0]):
            raise BrokenContractError("an image changed with the other seeds of its batch; draw each by itself")

    def seeds(self) -> None:
        if any(np.array_equal(self.first[0], image) for image in self.first[1:]):
            raise BrokenContractError("different seeds gave equal images; make use of the seeds")
        if np.array_equal(self.images(replace(self.request, seeds=(_TWIN, *_SEEDS[1:])))[0], self.first[0]):
            raise BrokenContractError("seeds that differ in the upper bits gave equal images; use all 63 bits")

    def labels(self) -> None:
        if np.array_equal(self.images(self.other), self.first):
            raise BrokenContractError(
                "two classes gave the same images; make use of the request's prompt, class_name or label"
            )

    def said(self) -> None:
        applied = self.generator.applied()
        if not isinstance(applied, dict):
            raise BrokenContractError(f"it returned a {type(applied).__name__}, not a dict")
        try:
            json.dumps(applied, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BrokenContractError(f"JSON cannot hold it: {error}") from None
