"""Check a user-defined transform against the `Transform` interface, on small images."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from prettyuseful.interface_checks import CheckResult, InterfaceCheck, InterfaceError, SingleCheck, run_checks
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.custom import load_custom_transform, output_problem

_SIZES = ((32, 32), (64, 96))  # (height, width): the smallest size in studies, and a size that is not square
_COUNT = 4


def check_transform(make: Callable[[], Transform]) -> list[CheckResult]:
    """Check a transform on four images of each of two sizes, in several orders and batches, and with a new instance.

    Args:
        make: function that returns a new transform.
    """
    return list(run_checks(_list_checks(_TransformChecks(make))))


def check_custom_transform(name: str) -> list[CheckResult]:
    """Check a user-defined class, named by `module:Class` or `file.py:Class`."""
    return check_transform(lambda: load_custom_transform(name))


CHECK = InterfaceCheck("probe", "images to images", check_custom_transform)


def _list_checks(checks: _TransformChecks) -> tuple[SingleCheck, ...]:
    return (
        ("the class can be instantiated", checks.construction, True),
        ("results have the right shape and type", checks.shape, True),
        ("input images are not modified", checks.input_unchanged, True),
        ("equal images give equal results", checks.repeated_calls, False),
        ("a new instance gives equal results", checks.new_object, False),
        ("results do not depend on the order of the batch", checks.batch_order, False),
        ("results do not depend on other images of the batch", checks.batch_neighbours, False),
        ("different images give different results", checks.distinct_results, False),
        ("constant images work", checks.constant_images, False),
    )


class _TransformChecks:
    """The checks of one transform, in order."""

    def __init__(self, make: Callable[[], Transform]) -> None:
        self.make = make
        self.batches = [_random_scenes(height, width) for height, width in _SIZES]

    @cached_property
    def transform(self) -> Transform:
        return self.make()

    @cached_property
    def results(self) -> list[np.ndarray]:
        return [self.apply(images).copy() for images in self.batches]

    def apply(self, images: np.ndarray, transform: Transform | None = None) -> np.ndarray:
        result = (transform or self.transform).apply(images.copy())
        if problem := output_problem(result, len(images)):
            raise InterfaceError(f"{problem}; return (N, height, width, 3) uint8, one image for each")
        return result

    def construction(self) -> None:
        assert self.transform is not None

    def shape(self) -> None:
        assert self.results is not None

    def input_unchanged(self) -> None:
        for images in self.batches:
            read_only = images.copy()
            read_only.flags.writeable = False  # like pixels that are memory-mapped from a file
            try:
                self.transform.apply(read_only)
            except ValueError as error:
                if "read-only" in str(error):
                    raise InterfaceError("it writes into its input; work on a copy") from error
                raise

    def repeated_calls(self) -> None:
        for images, results in zip(self.batches, self.results, strict=True):
            if not np.array_equal(self.apply(images), results):
                raise InterfaceError(
                    "the results differ; use no random numbers, or seed them with the bytes of the image"
                )

    def new_object(self) -> None:
        transform = self.make()
        for images, results in zip(self.batches, self.results, strict=True):
            if not np.array_equal(self.apply(images, transform), results):
                raise InterfaceError("the results differ; initialise weights and state the same way every time")

    def batch_order(self) -> None:
        batch_order = [2, 0, 3, 1]
        for images, results in zip(self.batches, self.results, strict=True):
            if not np.array_equal(self.apply(images[batch_order]), results[batch_order]):
                raise InterfaceError("the results differ; result i must depend on image i only, not on its position")

    def batch_neighbours(self) -> None:
        for images, results in zip(self.batches, self.results, strict=True):
            for i in range(_COUNT):
                if not np.array_equal(self.apply(images[i : i + 1])[0], results[i]):
                    raise InterfaceError("an image alone gives another result; transform each image independently")

    def distinct_results(self) -> None:
        for results in self.results:
            if any(np.array_equal(results[0], result) for result in results[1:]):
                raise InterfaceError("different images give equal results; the result must depend on the image")

    def constant_images(self) -> None:
        for level in (0, 128, 255):
            self.apply(np.full((1, *_SIZES[0], 3), level, np.uint8))


def _random_scenes(height: int, width: int) -> np.ndarray:
    """Return images of discs on linear gradients with noise, (4, height, width, 3) uint8."""
    rng = np.random.default_rng(height * width)
    rows, columns = np.indices((height, width)) / min(height, width)
    images = []
    for _ in range(_COUNT):
        slope = rng.uniform(-60, 60, (2, 3))
        image = 128 + slope[0] * rows[:, :, None] + slope[1] * columns[:, :, None]
        row, column, radius = rng.uniform((0.3, 0.3, 0.1), (0.7, 0.7, 0.3))
        image[np.hypot(rows - row, columns - column) < radius] += rng.uniform(-90, 90, 3)
        images.append(image + rng.normal(0, 8, image.shape))
    return np.asarray(np.clip(images, 0, 255), np.uint8)
