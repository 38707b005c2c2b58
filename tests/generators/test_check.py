"""A valid generator passes all checks; each invalid generator fails exactly the check that it violates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prettyuseful.data.images import to_square
from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Generator, Request
from prettyuseful.generators.check import check_generator
from prettyuseful.interface_checks import CheckResult

CREATION, SHAPE, REPEAT, NEW_OBJECT, ORDER, BATCH, SEEDS, CLASS, APPLIED = (
    "the class can be instantiated",
    "images have the right shape and type",
    "the same request gives the same images",
    "a new object gives the same images",
    "images do not depend on the order of the batch",
    "images do not depend on the other seeds of the batch",
    "different seeds give different images",
    "different classes give different images",
    "applied() returns a dict that JSON can hold",
)


class Valid:
    """Noise that depends on the values of `parts`."""

    def parts(self, request: Request, position: int) -> list[Any]:
        return [request.class_name, request.seeds[position]]

    def generate(self, request: Request) -> Any:
        generators = [np.random.default_rng(derive_seed(*self.parts(request, i))) for i in range(len(request.seeds))]
        return np.stack([generator.integers(0, 256, (8, 8, 3), np.uint8) for generator in generators])

    def applied(self) -> Any:
        return {"steps": 4}


class OnTensors(Valid):
    def generate(self, request: Request) -> Any:
        return torch.from_numpy(super().generate(request))


class ByLabel(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        return [request.label, request.seeds[position]]


class NotInstantiable(Valid):
    def __init__(self) -> None:
        raise FileNotFoundError("no weights.pt")


class NoArray(Valid):
    def generate(self, request: Request) -> Any:
        return super().generate(request).tolist()


class ChannelsFirst(Valid):
    def generate(self, request: Request) -> Any:
        return super().generate(request).transpose(0, 3, 1, 2)


class Grey(Valid):
    def generate(self, request: Request) -> Any:
        return super().generate(request)[..., 0]


class Fractions(Valid):
    def generate(self, request: Request) -> Any:
        return (super().generate(request) / 255).astype(np.float32)


class Short(Valid):
    def generate(self, request: Request) -> Any:
        return super().generate(request)[1:]


class Raises(Valid):
    def generate(self, request: Request) -> Any:
        raise KeyError(request.class_name)


class Drifting(Valid):
    """Returns another image in the second call."""

    calls = 0

    def parts(self, request: Request, position: int) -> list[Any]:
        self.calls += position == 0
        return [*super().parts(request, position), self.calls == 2]


class ObjectDependent(Valid):
    """Every object gives other images."""

    count = 0

    def __init__(self) -> None:
        type(self).count += 1
        self.number = self.count

    def parts(self, request: Request, position: int) -> list[Any]:
        return [*super().parts(request, position), self.number]


class PositionDependent(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        return [*super().parts(request, position), position]


class BatchDependent(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        return [*super().parts(request, position), sorted(request.seeds)]


class SeedIndependent(Valid):
    def parts(self, request: Request, _: int) -> list[Any]:
        return [request.class_name]


class TruncatedSeeds(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        return [request.class_name, request.seeds[position] % 2**32]


class ClassIndependent(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        return [request.seeds[position]]


class AppliedList(Valid):
    def applied(self) -> Any:
        return ["steps"]


class AppliedArray(Valid):
    def applied(self) -> Any:
        return {"scale": np.float32(1)}


class AppliedNan(Valid):
    def applied(self) -> Any:
        return {"scale": float("nan")}


class AppliedRaises(Valid):
    def applied(self) -> Any:
        raise RuntimeError("not yet")


def problems(make: Callable[[], Generator]) -> dict[str, str]:
    return {finding.what: finding.problem for finding in check_generator(make) if finding.problem is not None}


@pytest.mark.parametrize("kind", [Valid, OnTensors, ByLabel])
def test_valid_generator_passes_every_check(kind: Callable[[], Generator]) -> None:
    checks = [CREATION, SHAPE, REPEAT, NEW_OBJECT, ORDER, BATCH, SEEDS, CLASS, APPLIED]
    assert check_generator(kind) == [CheckResult(what) for what in checks]


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        (NotInstantiable, CREATION, "FileNotFoundError: no weights.pt"),
        (NoArray, SHAPE, "returned a list, not an array or a tensor; return (N, height, width, 3) uint8"),
        (ChannelsFirst, SHAPE, "have the shape (4, 3, 8, 8), not (N, height, width, 3)"),
        (Grey, SHAPE, "have the shape (4, 8, 8)"),
        (Fractions, SHAPE, "are float32, not uint8 from 0 to 255"),
        (Short, SHAPE, "returned 3 images for 4 seeds"),
        (Raises, SHAPE, "it failed with KeyError: 'cat'"),
        (Drifting, REPEAT, "take all randomness from the seeds"),
        (ObjectDependent, NEW_OBJECT, "initialise weights and state in the same way every time"),
        (PositionDependent, ORDER, "image i may depend on seeds[i], not on its position"),
        (BatchDependent, BATCH, "draw random numbers per image"),
        (SeedIndependent, SEEDS, "use the seeds"),
        (TruncatedSeeds, SEEDS, "use all 63 bits"),
        (ClassIndependent, CLASS, "use the prompt, class_name or label of the request"),
        (AppliedList, APPLIED, "returned a list, not a dict"),
        (AppliedArray, APPLIED, "cannot be written as JSON"),
        (AppliedNan, APPLIED, "cannot be written as JSON"),
        (AppliedRaises, APPLIED, "RuntimeError: not yet"),
    ],
)
def test_invalid_generator_fails_exactly_one_check(kind: Callable[[], Generator], what: str, expected: str) -> None:
    failures = problems(kind)
    assert list(failures) == [what]
    assert expected in failures[what]
    assert "\n" not in failures[what]


OWN_IMAGE = "images depend on their real images"
OTHER_IMAGES = "images do not depend on the other real images of the batch"
UNTOUCHED, COPIES = "real images are left as they are", "images are no copies of their real images"


class FromReal(Valid):
    def parts(self, request: Request, position: int) -> list[Any]:
        assert request.images is not None
        assert {image.dtype for image in request.images} == {np.dtype(np.uint8)}
        return [*super().parts(request, position), request.images[position].tobytes().hex()]


class FromOthers(FromReal):
    def parts(self, request: Request, position: int) -> list[Any]:
        assert request.images is not None
        others = sorted(image.tobytes().hex() for image in request.images)
        return [*super().parts(request, position), *others]


class Writing(FromReal):
    def generate(self, request: Request) -> Any:
        images = super().generate(request)
        for image in request.images or ():
            image[:] = 0
        return images


class Copying(FromReal):
    """Its images are the real ones but for changes that are not visible, so that seeds and classes count."""

    def resize(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.LANCZOS))

    def generate(self, request: Request) -> Any:
        noise = super().generate(request)
        images = np.stack([self.resize(image) for image in request.images or ()])
        images[:, :8, :8] = images[:, :8, :8] // 16 * 16 + noise // 16
        return images


class CopyingSquares(Copying):
    def resize(self, image: np.ndarray) -> np.ndarray:
        return to_square(Image.fromarray(image), 32)


def test_generators_that_use_real_images_are_checked_with_them() -> None:
    found = {result.what: result.problem for result in check_generator(FromReal, condition=True)}
    assert set(found.values()) == {None}
    assert {OWN_IMAGE, OTHER_IMAGES} < set(found)
    (without,) = [result for result in check_generator(FromReal) if result.problem]
    assert without.what == SHAPE
    assert str(without.problem).startswith("it needs real images, and request.images is None without them; check it")


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        (Valid, OWN_IMAGE, "another real image gave an identical image; use request.images[i] for image i"),
        (FromOthers, OTHER_IMAGES, "an image changed with the other real images of its batch"),
        (Writing, UNTOUCHED, "it wrote into request.images, which cannot be written in a study; work on copies"),
        (Copying, COPIES, "4 of 4 images are their real images, at most resized"),
        (CopyingSquares, COPIES, "4 of 4 images are their real images, at most resized"),
    ],
)
def test_a_generator_must_use_its_own_real_image_alone(kind: Callable[[], Generator], what: str, expected: str) -> None:
    failures = {result.what: result.problem for result in check_generator(kind, condition=True) if result.problem}
    assert list(failures) == [what]
    assert expected in str(failures[what])


def test_later_checks_are_skipped_after_a_basic_failure() -> None:
    assert [finding.what for finding in check_generator(NotInstantiable)] == [CREATION]
    assert [finding.what for finding in check_generator(Fractions)] == [CREATION, SHAPE]


def test_a_users_error_is_told_in_its_own_expected() -> None:
    def make() -> Generator:
        raise DataError("get the weights")

    assert problems(make) == {CREATION: "get the weights"}


def test_multi_line_errors_become_one_line() -> None:
    class MultiLineError(Valid):
        def generate(self, request: Request) -> Any:
            raise ValueError(f"no\n  {request.class_name}\n")

    assert problems(MultiLineError) == {SHAPE: "it failed with ValueError: no cat"}


def test_classes_can_be_given() -> None:
    class PromptChecking(Valid):
        def parts(self, request: Request, position: int) -> list[Any]:
            assert request.prompt.startswith("a photo of")
            return super().parts(request, position)

    assert SHAPE in problems(PromptChecking)
    assert {f.problem for f in check_generator(PromptChecking, [("a", "a photo of a"), ("b", "a photo of b")])} == {
        None
    }
