from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.backgrounds import fit_background
from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.moments import Moments

from .planted_patterns import add_background
from .world import CLASSES, changed, draw


def fitted(colours: np.ndarray, shift: int, share: float) -> list[Candidate]:
    planted = changed(draw(4), lambda pixels: add_background(pixels, colours, shift, share))
    return list(fit_background(Moments(draw(1), planted)))


@pytest.mark.parametrize("of_class", [False, True])
def test_a_flat_background_is_fitted_with_its_colours(of_class: bool) -> None:
    by_class = np.random.default_rng(3).integers(20, 230, (CLASSES, 3)) if of_class else np.full((CLASSES, 3), 250)
    varying, constant = fitted(by_class[draw(4).labels], shift=0, share=1)
    assert ("one colour per class" in constant.words) == of_class
    others = draw(7)
    for change in (varying, constant):
        assert change.cause.name == "background added"
        assert "100% of the images, 0% of real images" in change.words
        corners = change.apply(others.pixels, others.labels)[:, 0, 0].astype(int)
        assert np.abs(corners - by_class[others.labels]).max() <= 2


def test_a_background_in_most_images_is_given_to_the_same_share_of_real_images() -> None:
    others = draw(7)
    [background] = fitted(np.random.default_rng(5).integers(0, 256, (len(draw(4)), 3)), shift=2, share=0.7)
    result = background.apply(others.pixels, others.labels)
    flat = (result[:, :2, :2] == result[:, :1, :1]).all(axis=(1, 2, 3))
    assert flat.mean() == pytest.approx(0.7, abs=0.12)
    assert np.array_equal(background.apply(others.pixels[3:5], others.labels[3:5]), result[3:5])


def test_backgrounds_of_few_images_are_not_fitted() -> None:
    assert fitted(np.full((len(draw(4)), 3), 250), shift=2, share=0.2) == []
