"""Does a transform keep its contract? Tried on small images, and said in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from prettyuseful.interface_checks import Attempt, BrokenContractError, Check, Finding, findings
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.custom import open_custom, problem_with

_SIZES = ((32, 32), (64, 96))  # (height, width): the smallest that studies have, and one that is no square
_COUNT = 4


def check_transform(make: Callable[[], Transform]) -> list[Finding]:
    """Tries a transform on four images of two sizes, in several orders and batches, and twice from new.

    Args:
        make: makes the transform.
    """
    return list(findings(_attempts(_Trial(make))))


def check_own_transform(name: str) -> list[Finding]:
    """`check_transform` for the class that a user names as `module:Class`."""
    return check_transform(lambda: open_custom(name))


CHECK = Check("probe", "images to images", check_own_transform)


def _attempts(trial: _Trial) -> tuple[Attempt, ...]:
    return (
        ("it can be made", trial.made, True),
        ("images have the right shape and type", trial.shape, True),
        ("the images that it is given stay as they are", trial.untouched, True),
        ("the same images give the same result", trial.again, False),
        ("a new object gives the same result", trial.anew, False),
        ("results do not depend on the order of the batch", trial.order, False),
        ("results do not depend on their neighbours", trial.neighbours, False),
        ("results follow the image", trial.follows, False),
        ("flat images are no trouble", trial.flat, False),
    )


class _Trial:
    """The tries, in the order in which they make sense."""

    def __init__(self, make: Callable[[], Transform]) -> None:
        self.make = make
        self.batches = [_scenes(height, width) for height, width in _SIZES]

    @cached_property
    def transform(self) -> Transform:
        return self.make()

    @cached_property
    def first(self) -> list[np.ndarray]:
        return [self.changed(images).copy() for images in self.batches]

    def changed(self, images: np.ndarray, transform: Transform | None = None) -> np.ndarray:
        result = (transform or self.transform).apply(images.copy())
        if problem := problem_with(result, len(images)):
            raise BrokenContractError(f"{problem}; return (N, height, width, 3) uint8, one image for each")
        return result

    def made(self) -> None:
        assert self.transform is not None

    def shape(self) -> None:
        assert self.first is not None

    def untouched(self) -> None:
        for images in self.batches:
            given = images.copy()
            given.flags.writeable = False  # as pixels that are memory-mapped from a file
            try:
                self.transform.apply(given)
            except ValueError as error:
                if "read-only" in str(error):
                    raise BrokenContractError("it writes into them; work on a copy") from error
                raise

    def again(self) -> None:
        for images, first in zip(self.batches, self.first, strict=True):
            if not np.array_equal(self.changed(images), first):
                raise BrokenContractError("they differ; draw no random numbers, or seed them with the image's bytes")

    def anew(self) -> None:
        transform = self.make()
        for images, first in zip(self.batches, self.first, strict=True):
            if not np.array_equal(self.changed(images, transform), first):
                raise BrokenContractError("they differ; set up weights and state the same way every time")

    def order(self) -> None:
        order = [2, 0, 3, 1]
        for images, first in zip(self.batches, self.first, strict=True):
            if not np.array_equal(self.changed(images[order]), first[order]):
                raise BrokenContractError("they do; result i may depend on image i, not on its place")

    def neighbours(self) -> None:
        for images, first in zip(self.batches, self.first, strict=True):
            for i in range(_COUNT):
                if not np.array_equal(self.changed(images[i : i + 1])[0], first[i]):
                    raise BrokenContractError("an image alone gave another result; change each image by itself")

    def follows(self) -> None:
        for first in self.first:
            if any(np.array_equal(first[0], result) for result in first[1:]):
                raise BrokenContractError("different images gave equal results; make use of the image")

    def flat(self) -> None:
        for level in (0, 128, 255):
            self.changed(np.full((1, *_SIZES[0], 3), level, np.uint8))


def _scenes(height: int, width: int) -> np.ndarray:
    """(4, height, width, 3) uint8: discs on slopes, with grain."""
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
