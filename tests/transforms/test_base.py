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
    grey_image,
    image_generator,
    map_images,
    min_max_scale,
    resize_image,
    scaled_side,
    to_uint8,
)


class Shade(Formula):
    """Divides every channel."""

    kind: Literal["shade"] = "shade"
    by: int = 10

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(image, self.by) - self.by, np.uint8)


class NewShade(Shade):
    version: ClassVar[int] = 2


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)


def test_formula_transforms_one_image_at_a_time(images: np.ndarray) -> None:
    source = Shade(by=20)
    images.flags.writeable = False
    result = source.open(Numerics()).apply(images)
    assert (result == np.stack([source.transform_image(image) for image in images])).all()
    assert result.dtype == np.uint8


def test_pinned_content_is_settings_and_version() -> None:
    assert content_of(Shade()) == {"kind": "shade", "by": 10, "version": 1}
    assert content_of(NewShade()) == {"kind": "shade", "by": 10, "version": 2}
    assert Shade(by=3).pin().source == Shade(by=3)


def test_a_source_is_frozen_and_knows_its_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Shade().by = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra"):
        Shade(bye=3)  # type: ignore[call-arg]


def test_transform_source_needs_an_open_method() -> None:
    with pytest.raises(TypeError, match="abstract"):
        TransformSource(kind="nothing")  # type: ignore[abstract]


def test_each_image_may_change_its_size(images: np.ndarray) -> None:
    assert map_images(images, lambda image: image[:2]).shape == (3, 2, 7, 3)


def test_floats_are_clipped_and_rounded_to_bytes() -> None:
    values = np.array([-0.5, 0, 0.4 / 255, 0.6 / 255, 0.5, 1, 1.5])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 128, 255, 255]
    assert to_uint8(values).dtype == np.uint8


def test_a_map_becomes_three_equal_channels() -> None:
    image = grey_image(np.array([[0.0, 1.0, 0.2]]))
    assert image.shape == (1, 3, 3)
    assert image[0].tolist() == [[0, 0, 0], [255, 255, 255], [51, 51, 51]]


@pytest.mark.parametrize(("side", "factor", "pixels"), [(10, 0.5, 5), (10, 0.26, 3), (10, 0.01, 1), (3, 2.0, 6)])
def test_a_side_has_whole_pixels_and_at_least_one(side: int, factor: float, pixels: int) -> None:
    assert scaled_side(side, factor) == pixels


def test_resizing_takes_height_first_and_a_box_by_its_corners(images: np.ndarray) -> None:
    image = images[0]
    assert resize_image(image, 4, 9).shape == (4, 9, 3)
    assert (resize_image(image, 5, 7) == image).all()
    assert (resize_image(image, 2, 3, (1, 2, 4, 4)) == image[2:4, 1:4]).all()


def test_random_numbers_follow_seed_size_and_bytes(images: np.ndarray) -> None:
    def first(image: np.ndarray, seed: int = 0) -> float:
        return float(image_generator(image, seed).random())

    image = images[0]
    assert first(image) == first(image.copy()) == first(np.asfortranarray(image))
    numbers = {first(image), first(image, 1), first(images[1]), first(image.reshape(7, 5, 3))}
    assert len(numbers) == 4


def test_min_max_scale_leaves_constant_values() -> None:
    assert min_max_scale(np.array([2.0, 3.0, 4.0]), tolerance=0.1).tolist() == [0, 0.5, 1]
    flat = np.array([0.5, 0.55, 0.6])
    assert (min_max_scale(flat, tolerance=0.2) == flat).all()
    assert (min_max_scale(np.full(3, 0.7), tolerance=0.0) == 0.7).all()
