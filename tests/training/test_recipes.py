from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.recipes import (
    FINE_TUNING,
    FROZEN_FEATURES,
    LINEAR_PROBE,
    PAPER,
    PAPER_PROBE,
    RECIPES,
    SMALL,
    SMALL_TEXTURE,
    TEXTURE,
    FrozenFeatures,
    NamedRecipe,
    Recipe,
    View,
    match_steps,
    view_of,
)


def steps(epochs: int, images: int, batch: int) -> int:
    return epochs * (images // min(batch, images))


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(2, 200), st.integers(1, 100))
def test_match_steps_is_exact_to_half_an_epoch(images: int, to: int, batch: int, epochs: int) -> None:
    recipe = replace(SMALL, batch_size=batch, epochs=epochs)
    result = match_steps(recipe, images, to)
    per_epoch = images // min(batch, images)
    missed = abs(steps(result.epochs, images, batch) - steps(epochs, to, batch))
    assert missed <= per_epoch / 2 or result.epochs == 1
    assert replace(result, epochs=epochs) == recipe


def test_equal_numbers_of_images_change_no_recipe() -> None:
    assert match_steps(SMALL, 640, 640) == SMALL


@pytest.mark.parametrize(("images", "epochs"), [(64, 120), (640, 12), (6400, 1), (32, 120)])
def test_fewer_images_get_more_epochs(images: int, epochs: int) -> None:
    assert match_steps(SMALL, images, 640).epochs == epochs


@pytest.mark.parametrize(
    ("recipe", "crops", "view"),
    [
        (SMALL, 1, View(32, 32)),
        (SMALL_TEXTURE, 2, View(32, 24, 2)),
        (PAPER, 1, View(224, 224)),
        (TEXTURE, 2, View(256, 128, 2)),
        (replace(PAPER, resize="native"), 1, View("native", 224)),
    ],
)
def test_test_crops_have_the_training_size(recipe: Recipe, crops: int, view: View) -> None:
    assert view_of(recipe, crops) == view


def test_the_papers_recipe() -> None:
    """See protocol.md, "Training"."""
    assert (PAPER.epochs, PAPER.batch_size, PAPER.optimiser, PAPER.learning_rate) == (80, 1024, "adam", 1e-3)
    assert (PAPER.warmup * PAPER.epochs, PAPER.weight_decay, PAPER.label_smoothing) == (5, 0, 0)
    assert PAPER.augmentation == Augmentation()
    assert PAPER_PROBE.augmentation == Augmentation(one_of=(), jitter=(0, 0, 0), cutmix=0)


def test_two_recipes_use_pretrained_weights() -> None:
    recipes = {row.name: row.recipe for row in RECIPES if isinstance(row.recipe, Recipe)}
    pretrained = {name: recipe.trains for name, recipe in recipes.items() if recipe.weights == "pretrained"}
    assert pretrained == {"fine-tuning": "all", "linear-probe": "head"}
    assert (FINE_TUNING.resize, LINEAR_PROBE.resize) == (224, 224)


@pytest.mark.parametrize("row", [row for row in RECIPES if isinstance(row.recipe, Recipe)], ids=lambda row: row.name)
def test_every_recipe_is_consistent(row: NamedRecipe) -> None:
    recipe = row.recipe
    assert isinstance(recipe, Recipe)
    assert row.summary
    assert isinstance(recipe.resize, int)
    assert recipe.augmentation.size <= recipe.resize
    assert 0 <= recipe.warmup < 1
    assert 0 < recipe.validation < 1
    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 1  # type: ignore[misc]


def test_frozen_features_try_strengths_in_order_and_have_a_default_among_them() -> None:
    recipe = RECIPES[FROZEN_FEATURES].recipe
    assert isinstance(recipe, FrozenFeatures)
    assert [*recipe.inverse_strengths] == sorted(recipe.inverse_strengths)
    assert recipe.default_inverse_strength in recipe.inverse_strengths
