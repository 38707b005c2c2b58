from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict

import pytest
from pydantic import TypeAdapter

from prettyuseful.training.augmentations import CHANGES, Augmentation, SmallAugmentation
from prettyuseful.training.recipes import RECIPES, NamedRecipe, Recipe

RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


def test_the_defaults_are_the_papers() -> None:
    """See protocol.md, "Training"."""
    paper = Augmentation()
    assert (paper.size, paper.scale, paper.ratio) == (224, (0.08, 1.0), (3 / 4, 4 / 3))
    assert set(paper.one_of) == {"grayscale", "solarize", "blur"} == set(CHANGES)
    assert (paper.sigma, paper.jitter) == ((0.2, 2.0), (0.3, 0.3, 0.3))
    assert (paper.flips, paper.cutmix) == (("horizontal",), 1.0)


@pytest.mark.parametrize("kind", [SmallAugmentation(size=32, shift=3, flip=True, jitter=0.1), Augmentation()])
def test_augmentations_are_frozen_and_serialisable(kind: SmallAugmentation | Augmentation) -> None:
    hash(kind)
    with pytest.raises(FrozenInstanceError):
        kind.size = 5  # type: ignore[misc]


@pytest.mark.parametrize("row", [row for row in RECIPES if isinstance(row.recipe, Recipe)], ids=lambda row: row.name)
def test_recipe_is_restored_from_a_manifest(row: NamedRecipe) -> None:
    assert isinstance(row.recipe, Recipe)
    again = RECIPE.validate_json(RECIPE.dump_json(row.recipe))
    assert again == row.recipe
    assert type(again.augmentation) is type(row.recipe.augmentation)


def test_kind_distinguishes_augmentations() -> None:
    assert {asdict(kind)["kind"] for kind in (SmallAugmentation(32, 3, True, 0.1), Augmentation())} == {"nudge", "crop"}


def test_planning_augmentations_does_not_import_torch() -> None:
    code = "import prettyuseful.training.recipes; import sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
