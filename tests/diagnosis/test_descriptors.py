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


def descriptor_change(crops: np.ndarray, transform: Transform) -> dict[str, np.ndarray]:
    before, after = describe(crops), describe(transform.apply(crops))
    return {kind: after[kind] - before[kind] for kind in before}


def test_descriptors_of_an_image_do_not_depend_on_other_images(crops: np.ndarray) -> None:
    whole, alone = describe(crops), describe(crops[3:4])
    assert all(np.allclose(whole[kind][3], alone[kind][0]) for kind in whole)


def test_constant_images_and_tiny_images_have_finite_descriptors() -> None:
    for shape in ((2, 32, 32, 3), (2, 8, 8, 3), (1, 9, 33, 3)):
        for value in (0, 255):
            descriptors = describe(np.full(shape, value, np.uint8))
            assert all(np.isfinite(values).all() for values in descriptors.values())


def test_blur_reduces_power_in_the_high_bands(crops: np.ndarray) -> None:
    spectrum = descriptor_change(crops, Blur(width=1.5 / 64))["spectrum"][:, :BANDS].mean(axis=0)
    assert spectrum[-1] < -1
    assert spectrum[-1] < spectrum[0]


def test_noise_adds_power_in_the_high_bands(crops: np.ndarray) -> None:
    assert descriptor_change(crops, Noise(deviation=0.05))["spectrum"][:, BANDS - 1].mean() > 0.5


def test_contrast_affects_colour_but_not_the_spectrum(crops: np.ndarray) -> None:
    change = descriptor_change(crops, ColourShift(contrast=0.8))
    assert np.abs(change["spectrum"][:, :BANDS]).mean() < 0.05
    assert change["colour"][:, 3].mean() == pytest.approx(np.log(0.8), abs=0.02)


def test_hue_does_not_affect_luma(crops: np.ndarray) -> None:
    change = descriptor_change(crops, Colour(hue=30))["colour"]
    assert np.abs(change[:, 0]).max() < 0.02
    assert np.abs(change[:, 1:3]).mean() > 0.01


def test_jpeg_leaves_steps_at_block_borders(crops: np.ndarray) -> None:
    assert (descriptor_change(crops, Jpeg(quality=8))["texture"][:, -2:].mean(axis=0) > 0.2).all()
