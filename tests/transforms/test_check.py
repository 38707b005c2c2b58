from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.check import check_transform

Change = Callable[[np.ndarray], object]


def of(change: Change) -> Callable[[], Transform]:
    """Makes transforms that do this."""

    class Made:
        def apply(self, images: np.ndarray) -> np.ndarray:
            return change(images)  # type: ignore[return-value]

    return Made


def problems(make: Callable[[], Transform]) -> dict[str, str]:
    return {finding.what: finding.problem for finding in check_transform(make) if finding.problem}


def test_a_good_one_passes_in_every_point() -> None:
    findings = check_transform(of(lambda images: 255 - images))
    assert [finding.problem for finding in findings] == [None] * 9


def counted() -> Change:
    calls = iter(range(1000))
    return lambda images: images + np.uint8(next(calls) % 7)


def in_place(images: np.ndarray) -> np.ndarray:
    images[:] = 255 - images
    return images


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        (lambda images: images[:, :, :, 0], "images have the right shape and type", r"shape \(4, 32, 32\)"),
        (lambda images: images / 255.0, "images have the right shape and type", "float64"),
        (lambda images: None, "images have the right shape and type", "NoneType"),  # noqa: ARG005
        (in_place, "the images that it is given stay as they are", "work on a copy"),
        (counted(), "the same images give the same result", "random"),
        (lambda images: images - images[:1], "results do not depend on the order of the batch", "not on its place"),
        (
            lambda images: images - np.asarray(images.mean(), np.uint8),
            "results do not depend on their neighbours",
            "each image by itself",
        ),
        (lambda images: np.zeros_like(images), "results follow the image", "make use of the image"),
        (lambda images: images // (np.ptp(images) or 1 // 0), "flat images are no trouble", "ZeroDivisionError"),
    ],
)
def test_every_breach_is_found_and_named(change: Change, what: str, words: str) -> None:
    found = problems(of(change))
    assert what in found
    assert words.replace("\\", "") in found[what]


def test_state_that_grows_with_every_object_is_found() -> None:
    born = iter(range(100))

    class Growing:
        def __init__(self) -> None:
            self.level = next(born)

        def apply(self, images: np.ndarray) -> np.ndarray:
            return np.asarray(images + np.uint8(self.level))

    assert set(problems(Growing)) == {"a new object gives the same result"}


def test_one_that_cannot_be_made_is_said_first() -> None:
    def make() -> Transform:
        raise RuntimeError("no weights")

    (finding,) = check_transform(make)
    assert finding.what == "it can be made"
    assert finding.problem == "it failed with RuntimeError: no weights"
