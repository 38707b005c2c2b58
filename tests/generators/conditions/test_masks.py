"""The foreground of an image by two rules."""

from __future__ import annotations

import numpy as np

from prettyuseful.generators.conditions.masks import foreground


def on_background(side: int = 64, top: int = 10, left: int = 30, size: int = 16) -> np.ndarray:
    """A noisy grey background with a red square."""
    noise = np.random.default_rng(0).integers(-8, 9, (side, side, 3))
    image = np.full((side, side, 3), 120) + noise
    image[top : top + size, left : left + size] = (220, 30, 30)
    return image.astype(np.uint8)


def test_the_centre_is_half_of_the_area() -> None:
    mask = foreground(on_background(), "centre")
    assert abs(mask.mean() - 0.5) < 0.03
    assert mask[32, 32]
    assert not mask[0].any()
    assert np.array_equal(mask, mask[::-1, ::-1])


def test_the_border_rule_finds_what_differs_from_the_border() -> None:
    """With a margin of a 32nd of the side, and with holes filled."""
    image = on_background()
    image[16:20, 36:40] = 120
    mask = foreground(image, "border")
    assert mask[10:26, 30:46].all()
    assert not mask[:7].any()
    assert not mask[:, :27].any()
    assert 16**2 <= mask.sum() <= 21**2


def test_without_a_foreground_the_rule_is_the_centre() -> None:
    flat = np.full((32, 32, 3), 7, np.uint8)
    assert np.array_equal(foreground(flat, "border"), foreground(flat, "centre"))
