from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pytest
from pydantic import ValidationError
from tests.transforms.measures import content_of

from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import (
    Formula,
    TransformSource,
    each,
    generator_of,
    grey,
    resized,
    scaled,
    spread_out,
    to_bytes,
)


class Shade(Formula):
    """Less of every channel."""

    kind: Literal["shade"] = "shade"
    by: int = 10

    def changed(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(image, self.by) - self.by, np.uint8)


class NewShade(Shade):
    version: ClassVar[int] = 2


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)


def test_a_formula_is_its_own_transform_and_sees_one_image_at_a_time(images: np.ndarray) -> None:
    source = Shade(by=20)
    images.flags.writeable = False
    found = source.open(Numerics()).apply(images)
    assert (found == np.stack([source.changed(image) for image in images])).all()
    assert found.dtype == np.uint8


def test_settings_and_version_are_what_is_pinned() -> None:
    assert content_of(Shade()) == {"kind": "shade", "by": 10, "version": 1}
    assert content_of(NewShade()) == {"kind": "shade", "by": 10, "version": 2}
    assert Shade(by=3).pin().source == Shade(by=3)


def test_a_source_is_frozen_and_knows_its_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Shade().by = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra"):
        Shade(bye=3)  # type: ignore[call-arg]


def test_what_cannot_be_opened_is_no_source() -> None:
    with pytest.raises(TypeError, match="abstract"):
        TransformSource(kind="nothing")  # type: ignore[abstract]


def test_each_image_may_change_its_size(images: np.ndarray) -> None:
    assert each(images, lambda image: image[:2]).shape == (3, 2, 7, 3)


def test_floats_are_clipped_and_rounded_to_bytes() -> None:
    values = np.array([-0.5, 0, 0.4 / 255, 0.6 / 255, 0.5, 1, 1.5])
    assert to_bytes(values).tolist() == [0, 0, 0, 1, 128, 255, 255]
    assert to_bytes(values).dtype == np.uint8


def test_a_map_becomes_three_equal_channels() -> None:
    image = grey(np.array([[0.0, 1.0, 0.2]]))
    assert image.shape == (1, 3, 3)
    assert image[0].tolist() == [[0, 0, 0], [255, 255, 255], [51, 51, 51]]


@pytest.mark.parametrize(("side", "factor", "pixels"), [(10, 0.5, 5), (10, 0.26, 3), (10, 0.01, 1), (3, 2.0, 6)])
def test_a_side_has_whole_pixels_and_at_least_one(side: int, factor: float, pixels: int) -> None:
    assert scaled(side, factor) == pixels


def test_resizing_takes_height_first_and_a_box_by_its_corners(images: np.ndarray) -> None:
    image = images[0]
    assert resized(image, 4, 9).shape == (4, 9, 3)
    assert (resized(image, 5, 7) == image).all()
    assert (resized(image, 2, 3, (1, 2, 4, 4)) == image[2:4, 1:4]).all()


def test_random_numbers_follow_seed_size_and_bytes(images: np.ndarray) -> None:
    def first(image: np.ndarray, seed: int = 0) -> float:
        return float(generator_of(image, seed).random())

    image = images[0]
    assert first(image) == first(image.copy()) == first(np.asfortranarray(image))
    numbers = {first(image), first(image, 1), first(images[1]), first(image.reshape(7, 5, 3))}
    assert len(numbers) == 4


def test_values_are_spread_over_the_whole_range_unless_they_are_flat() -> None:
    assert spread_out(np.array([2.0, 3.0, 4.0]), flat=0.1).tolist() == [0, 0.5, 1]
    flat = np.array([0.5, 0.55, 0.6])
    assert (spread_out(flat, flat=0.2) == flat).all()
    assert (spread_out(np.full(3, 0.7), flat=0.0) == 0.7).all()
