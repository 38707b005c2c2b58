"""The scores against their formulas, written out pixel by pixel in float64, and what a viewer expects of them."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.rows import offline_scores

IMAGES = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
)
LARGE = np.random.default_rng(3).integers(0, 256, (150, 97, 3), np.uint8)


def luma(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pixels.astype(float), 2, 0)
    return np.asarray(0.299 * red + 0.587 * green + 0.114 * blue)


def colourfulness(pixels: np.ndarray) -> float:
    """Hasler and Süsstrunk 2003, equations 1 to 3."""
    red, green, blue = np.moveaxis(pixels.astype(float), 2, 0)
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread = (np.var(rg) + np.var(yb)) ** 0.5
    return float(spread + 0.3 * (np.mean(rg) ** 2 + np.mean(yb) ** 2) ** 0.5)


def sharpness(pixels: np.ndarray) -> float:
    """The root of LAPV in Pertuz et al. 2013."""
    grey = luma(pixels)
    height, width = grey.shape
    values = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, height - 1)
        for x in range(1, width - 1)
    ]
    return float(np.std(values)) if values else 0.0


def saturation(pixels: np.ndarray) -> float:
    return float(np.mean([colorsys.rgb_to_hsv(*pixel)[1] for pixel in pixels.reshape(-1, 3) / 255]))


def gradients(pixels: np.ndarray) -> np.ndarray:
    down, across = np.gradient(luma(pixels))
    return np.asarray((down**2 + across**2)[1:-1, 1:-1])


def centre_bias(pixels: np.ndarray) -> float:
    if min(pixels.shape[:2]) < 3:
        return 1.0
    energy = gradients(pixels)
    height, width = energy.shape
    centre = energy[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(centre.sum() / energy.sum() / (centre.size / energy.size)) if energy.sum() > 1e-12 else 1.0


def plainness(pixels: np.ndarray) -> float:
    if min(pixels.shape[:2]) < 3:
        return 1.0
    energy = gradients(pixels)
    height, width = energy.shape
    down, across = int(np.ceil(height / 8)), int(np.ceil(width / 8))
    ring = [
        energy[y, x]
        for y in range(height)
        for x in range(width)
        if not (down <= y < height - down and across <= x < width - across)
    ]
    return float(np.mean(np.sqrt(ring) < 0.01 * 255))


REFERENCES: dict[str, Callable[[np.ndarray], float]] = {
    "colourfulness": colourfulness,
    "contrast": lambda pixels: float(luma(pixels / 255).std()),
    "sharpness": sharpness,
    "saturation": saturation,
    "exposure": lambda pixels: float(luma(pixels / 255).mean()),
    "centre-bias": centre_bias,
    "plainness": plainness,
}


def test_every_offline_score_has_a_reference() -> None:
    assert REFERENCES.keys() == set(offline_scores())


@pytest.mark.parametrize("name", REFERENCES)
def test_scores_are_those_of_the_formulas(name: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(IMAGES)
    def check(pixels: np.ndarray) -> None:
        assert SCORES[name].of(pixels) == pytest.approx(REFERENCES[name](pixels), rel=1e-5, abs=1e-5)

    check()
    assert SCORES[name].of(LARGE) == pytest.approx(REFERENCES[name](LARGE), rel=1e-5)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_score_is_in_its_range_and_the_same_for_the_mirrored_image(name: str) -> None:
    score = SCORES[name]

    @settings(max_examples=60, deadline=None)
    @given(IMAGES)
    def check(pixels: np.ndarray) -> None:
        value = score.of(pixels)
        assert value - (score.low or 0.0) >= -1e-12
        assert score.high is None or value <= score.high + 1e-6
        for mirrored in (pixels[::-1], pixels[:, ::-1], pixels.transpose(1, 0, 2)):
            assert score.of(mirrored) == pytest.approx(value, rel=1e-5, abs=1e-9)

    check()


@given(st.integers(0, 255), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_a_flat_grey_image_shows_nothing(level: int, size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), level, np.uint8)
    values = {name: SCORES[name].of(flat) for name in REFERENCES}
    assert values == {
        "colourfulness": 0.0,
        "contrast": 0.0,
        "sharpness": 0.0,
        "saturation": 0.0,
        "exposure": pytest.approx(level / 255),
        "centre-bias": 1.0,
        "plainness": 1.0,
    }


def test_a_small_contrast_on_a_bright_image_is_not_lost_to_rounding() -> None:
    pixels = np.full((400, 400, 3), 254, np.uint8)
    pixels[0, 0] = 255
    share = 1 / pixels[..., 0].size
    assert SCORES["contrast"].of(pixels) == pytest.approx((share * (1 - share)) ** 0.5 / 255, rel=1e-5)


def test_edges_in_the_centre_raise_the_centre_bias() -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    centre, corner = grey.copy(), grey.copy()
    centre[28:36, 28:36] = 200
    corner[2:10, 2:10] = 200
    assert SCORES["centre-bias"].of(centre) == pytest.approx(62**2 / 32**2)
    assert SCORES["centre-bias"].of(corner) == 0.0


def test_noise_in_the_border_makes_it_less_plain() -> None:
    pixels = np.full((64, 64, 3), 100, np.uint8)
    pixels[16:48, 16:48] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    assert SCORES["plainness"].of(pixels) == 1.0
    pixels[:8] = np.random.default_rng(1).integers(0, 256, (8, 64, 3))
    assert 0.6 < SCORES["plainness"].of(pixels) < 0.8
