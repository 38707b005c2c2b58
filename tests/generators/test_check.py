"""A generator that keeps its contract passes; each way of breaking it is found, and nothing else with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Generator, Request
from prettyuseful.generators.check import check_generator
from prettyuseful.interface_checks import Finding

MADE, SHAPE, AGAIN, ANEW, ORDER, NEIGHBOURS, SEEDS, CLASS, APPLIED = (
    "it can be made",
    "images have the right shape and type",
    "the same request gives the same images",
    "a new object gives the same images",
    "images do not depend on the order of the batch",
    "images do not depend on their neighbours",
    "every seed gives another image",
    "images follow the class",
    "applied() can be recorded",
)


class Good:
    """Noise of whatever `parts` says an image depends on."""

    def parts(self, request: Request, place: int) -> list[Any]:
        return [request.class_name, request.seeds[place]]

    def generate(self, request: Request) -> Any:
        generators = [np.random.default_rng(derive_seed(*self.parts(request, i))) for i in range(len(request.seeds))]
        return np.stack([generator.integers(0, 256, (8, 8, 3), np.uint8) for generator in generators])

    def applied(self) -> Any:
        return {"steps": 4}


class OnTensors(Good):
    def generate(self, request: Request) -> Any:
        return torch.from_numpy(super().generate(request))


class ByLabel(Good):
    def parts(self, request: Request, place: int) -> list[Any]:
        return [request.label, request.seeds[place]]


class NotMade(Good):
    def __init__(self) -> None:
        raise FileNotFoundError("no weights.pt")


class NoArray(Good):
    def generate(self, request: Request) -> Any:
        return super().generate(request).tolist()


class ChannelsFirst(Good):
    def generate(self, request: Request) -> Any:
        return super().generate(request).transpose(0, 3, 1, 2)


class Grey(Good):
    def generate(self, request: Request) -> Any:
        return super().generate(request)[..., 0]


class Fractions(Good):
    def generate(self, request: Request) -> Any:
        return (super().generate(request) / 255).astype(np.float32)


class Short(Good):
    def generate(self, request: Request) -> Any:
        return super().generate(request)[1:]


class Raises(Good):
    def generate(self, request: Request) -> Any:
        raise KeyError(request.class_name)


class Drifting(Good):
    """Another image in the second call."""

    calls = 0

    def parts(self, request: Request, place: int) -> list[Any]:
        self.calls += place == 0
        return [*super().parts(request, place), self.calls == 2]


class Reborn(Good):
    """Every object draws its own way."""

    born = 0

    def __init__(self) -> None:
        type(self).born += 1
        self.number = self.born

    def parts(self, request: Request, place: int) -> list[Any]:
        return [*super().parts(request, place), self.number]


class Placed(Good):
    def parts(self, request: Request, place: int) -> list[Any]:
        return [*super().parts(request, place), place]


class Sociable(Good):
    def parts(self, request: Request, place: int) -> list[Any]:
        return [*super().parts(request, place), sorted(request.seeds)]


class Seedless(Good):
    def parts(self, request: Request, _: int) -> list[Any]:
        return [request.class_name]


class Short32(Good):
    def parts(self, request: Request, place: int) -> list[Any]:
        return [request.class_name, request.seeds[place] % 2**32]


class Classless(Good):
    def parts(self, request: Request, place: int) -> list[Any]:
        return [request.seeds[place]]


class AppliedList(Good):
    def applied(self) -> Any:
        return ["steps"]


class AppliedArray(Good):
    def applied(self) -> Any:
        return {"scale": np.float32(1)}


class AppliedNan(Good):
    def applied(self) -> Any:
        return {"scale": float("nan")}


class AppliedRaises(Good):
    def applied(self) -> Any:
        raise RuntimeError("not yet")


def problems(make: Callable[[], Generator]) -> dict[str, str]:
    return {finding.what: finding.problem for finding in check_generator(make) if finding.problem is not None}


@pytest.mark.parametrize("kind", [Good, OnTensors, ByLabel])
def test_a_good_generator_passes_every_try(kind: Callable[[], Generator]) -> None:
    tried = [MADE, SHAPE, AGAIN, ANEW, ORDER, NEIGHBOURS, SEEDS, CLASS, APPLIED]
    assert check_generator(kind) == [Finding(what) for what in tried]


@pytest.mark.parametrize(
    ("kind", "what", "words"),
    [
        (NotMade, MADE, "FileNotFoundError: no weights.pt"),
        (NoArray, SHAPE, "returned a list, not an array or a tensor; return (N, height, width, 3) uint8"),
        (ChannelsFirst, SHAPE, "have the shape (4, 3, 8, 8), not (N, height, width, 3)"),
        (Grey, SHAPE, "have the shape (4, 8, 8)"),
        (Fractions, SHAPE, "are float32, not uint8 from 0 to 255"),
        (Short, SHAPE, "returned 3 images for 4 seeds"),
        (Raises, SHAPE, "it failed with KeyError: 'cat'"),
        (Drifting, AGAIN, "take all randomness from the seeds"),
        (Reborn, ANEW, "set up weights and state the same way every time"),
        (Placed, ORDER, "image i may depend on seeds[i], not on its place"),
        (Sociable, NEIGHBOURS, "draw each by itself"),
        (Seedless, SEEDS, "make use of the seeds"),
        (Short32, SEEDS, "use all 63 bits"),
        (Classless, CLASS, "make use of the request's prompt, class_name or label"),
        (AppliedList, APPLIED, "returned a list, not a dict"),
        (AppliedArray, APPLIED, "JSON cannot hold it"),
        (AppliedNan, APPLIED, "JSON cannot hold it"),
        (AppliedRaises, APPLIED, "RuntimeError: not yet"),
    ],
)
def test_a_broken_generator_fails_with_exactly_its_finding(
    kind: Callable[[], Generator], what: str, words: str
) -> None:
    found = problems(kind)
    assert list(found) == [what]
    assert words in found[what]
    assert "\n" not in found[what]


def test_what_cannot_be_made_or_looked_at_is_not_tried_further() -> None:
    assert [finding.what for finding in check_generator(NotMade)] == [MADE]
    assert [finding.what for finding in check_generator(Fractions)] == [MADE, SHAPE]


def test_a_users_error_is_told_in_its_own_words() -> None:
    def make() -> Generator:
        raise DataError("get the weights")

    assert problems(make) == {MADE: "get the weights"}


def test_an_error_of_many_lines_is_told_in_one() -> None:
    class Wordy(Good):
        def generate(self, request: Request) -> Any:
            raise ValueError(f"no\n  {request.class_name}\n")

    assert problems(Wordy) == {SHAPE: "it failed with ValueError: no cat"}


def test_the_classes_may_be_chosen() -> None:
    class Choosy(Good):
        def parts(self, request: Request, place: int) -> list[Any]:
            assert request.prompt.startswith("a photo of")
            return super().parts(request, place)

    assert SHAPE in problems(Choosy)
    assert {f.problem for f in check_generator(Choosy, [("a", "a photo of a"), ("b", "a photo of b")])} == {None}
