from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.check import check_transform

Change = Callable[[np.ndarray], object]


def maker_of(change: Change) -> Callable[[], Transform]:
    """Return a function that creates a transform with this change."""

    class Made:
        def apply(self, images: np.ndarray) -> np.ndarray:
            return change(images)  # type: ignore[return-value]

    return Made


def problems(make: Callable[[], Transform]) -> dict[str, str]:
    return {finding.what: finding.problem for finding in check_transform(make) if finding.problem}


def test_valid_transform_passes_every_check() -> None:
    findings = check_transform(maker_of(lambda images: 255 - images))
    assert [finding.problem for finding in findings] == [None] * 9


def counted() -> Change:
    calls = iter(range(1000))
    return lambda images: images + np.uint8(next(calls) % 7)


def in_place(images: np.ndarray) -> np.ndarray:
    images[:] = 255 - images
    return images


@pytest.mark.parametrize(
    ("change", "what", "message"),
    [
        (lambda images: images[:, :, :, 0], "results have the right shape and type", r"shape \(4, 32, 32\)"),
        (lambda images: images / 255.0, "results have the right shape and type", "float64"),
        (lambda images: None, "results have the right shape and type", "NoneType"),  # noqa: ARG005
        (in_place, "input images are not modified", "work on a copy"),
        (counted(), "equal images give equal results", "random"),
        (lambda images: images - images[:1], "results do not depend on the order of the batch", "not on its position"),
        (
            lambda images: images - np.asarray(images.mean(), np.uint8),
            "results do not depend on other images of the batch",
            "each image independently",
        ),
        (lambda images: np.zeros_like(images), "different images give different results", "must depend on the image"),
        (lambda images: images // (np.ptp(images) or 1 // 0), "constant images work", "ZeroDivisionError"),
    ],
)
def test_every_violation_is_reported(change: Change, what: str, message: str) -> None:
    result = problems(maker_of(change))
    assert what in result
    assert message.replace("\\", "") in result[what]


def test_state_shared_between_instances_is_detected() -> None:
    born = iter(range(100))

    class Growing:
        def __init__(self) -> None:
            self.level = next(born)

        def apply(self, images: np.ndarray) -> np.ndarray:
            return np.asarray(images + np.uint8(self.level))

    assert set(problems(Growing)) == {"a new instance gives equal results"}


def test_failed_instantiation_stops_the_checks() -> None:
    def make() -> Transform:
        raise RuntimeError("no weights")

    (finding,) = check_transform(make)
    assert finding.what == "the class can be instantiated"
    assert finding.problem == "it failed with RuntimeError: no weights"
