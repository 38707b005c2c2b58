"""What every kind of condition says of itself, and its denoising steps."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.image import ImageToImage


def test_only_training_images_can_be_used() -> None:
    with pytest.raises(ValidationError, match="not from 'test', because test images must not decide what classifiers"):
        ImageToImage.model_validate({"kind": "image", "on": "test"})


def test_settings_in_keys_do_not_hold_what_the_real_images_say() -> None:
    """How many real images are used is in the key of the step that loads them."""
    assert ImageToImage(strength=0.5).pin().content == ImageToImage(strength=0.5, sources=8).pin().content
    assert ImageToImage(strength=0.5).pin().content != ImageToImage(strength=0.6).pin().content


@pytest.mark.parametrize(("strength", "steps", "computed"), [(0.6, 25, 15), (0.05, 25, 1), (1.0, 4, 4), (0.99, 4, 3)])
def test_strength_is_the_share_of_the_steps(strength: float, steps: int, computed: int) -> None:
    condition = ImageToImage(strength=strength)
    assert condition.denoising_steps(steps) == computed
    condition.check_steps(steps)


@pytest.mark.parametrize(("strength", "steps", "least"), [(0.03, 25, "0.04"), (0.2, 4, "0.25"), (0.3, 3, "0.34")])
def test_at_least_one_step_must_remain(strength: float, steps: int, least: str) -> None:
    with pytest.raises(DataError, match=f"none of the {steps} denoising steps; increase strength to at least {least},"):
        ImageToImage(strength=strength).check_steps(steps)
    ImageToImage(strength=float(least)).check_steps(steps)
