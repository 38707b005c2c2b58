import numpy as np
import pytest
from skimage.data import astronaut

from prettyuseful.diagnosis.descriptors import BANDS, describe
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, Noise


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    whole = astronaut()
    return np.stack([whole[y : y + 64, x : x + 64] for y in range(0, 448, 64) for x in range(0, 448, 64)])


def moved(crops: np.ndarray, transform: Transform) -> dict[str, np.ndarray]:
    before, after = describe(crops), describe(transform.apply(crops))
    return {kind: after[kind] - before[kind] for kind in before}


def test_every_image_is_described_by_itself(crops: np.ndarray) -> None:
    whole, alone = describe(crops), describe(crops[3:4])
    assert all(np.allclose(whole[kind][3], alone[kind][0]) for kind in whole)


def test_flat_images_and_tiny_ones_have_finite_descriptors() -> None:
    for shape in ((2, 32, 32, 3), (2, 8, 8, 3), (1, 9, 33, 3)):
        for value in (0, 255):
            found = describe(np.full(shape, value, np.uint8))
            assert all(np.isfinite(values).all() for values in found.values())


def test_blur_takes_power_from_the_high_bands(crops: np.ndarray) -> None:
    spectrum = moved(crops, Blur(width=1.5 / 64))["spectrum"][:, :BANDS].mean(axis=0)
    assert spectrum[-1] < -1
    assert spectrum[-1] < spectrum[0]


def test_noise_brings_power_to_the_high_bands(crops: np.ndarray) -> None:
    assert moved(crops, Noise(deviation=0.05))["spectrum"][:, BANDS - 1].mean() > 0.5


def test_less_contrast_is_seen_in_colour_and_not_in_the_spectrum(crops: np.ndarray) -> None:
    found = moved(crops, ColourShift(contrast=0.8))
    assert np.abs(found["spectrum"][:, :BANDS]).mean() < 0.05
    assert found["colour"][:, 3].mean() == pytest.approx(np.log(0.8), abs=0.02)


def test_hue_leaves_luma_alone(crops: np.ndarray) -> None:
    found = moved(crops, Colour(hue=30))["colour"]
    assert np.abs(found[:, 0]).max() < 0.02
    assert np.abs(found[:, 1:3]).mean() > 0.01


def test_jpeg_leaves_steps_at_the_borders_of_its_blocks(crops: np.ndarray) -> None:
    assert (moved(crops, Jpeg(quality=8))["texture"][:, -2:].mean(axis=0) > 0.2).all()
