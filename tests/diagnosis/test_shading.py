from __future__ import annotations

import re

import numpy as np
import pytest

from prettyuseful.diagnosis.moments import Moments
from prettyuseful.diagnosis.shading import fit_shading

from .planted_patterns import shade
from .world import changed, draw


def test_shading_is_fitted_with_its_direction() -> None:
    [shading] = fit_shading(Moments(draw(1), changed(draw(4), shade)))
    assert shading.cause.name == "shading added"
    dark, bright = re.findall(r"([\d.]+) \((\w+)\)", shading.words)
    assert (dark[1], bright[1]) == ("top", "bottom")
    assert [float(dark[0]), float(bright[0])] == pytest.approx([0.57, 0.93], abs=0.06)
    images = draw(7)
    difference = shading.apply(images.pixels, images.labels).astype(int) - shade(images.pixels)
    assert np.abs(difference).mean() < 8


def test_images_of_even_brightness_have_no_shading() -> None:
    assert list(fit_shading(Moments(draw(1), draw(4)))) == []
