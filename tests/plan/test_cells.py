from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plan.plans import trained

from prettyuseful.errors import StudyError, UnknownNameError
from prettyuseful.plan.cells import cell_groups, check_names
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study, parse_study
from prettyuseful.training.recipes import PAPER, PAPER_PROBE, SMALL, SMALL_TEXTURE, TEXTURE, View


def study(train: str = "{}", more: str = "") -> Study:
    text = "version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 4}}\n"
    return parse_study(f"{text}train: {train}\n{more}")


def fixed_size(size: int) -> Callable[[], int]:
    return lambda: size


def check_study(study: Study) -> None:
    check_names(study)
    cell_groups(study, fixed_size(32))


PROBES = "{architectures: [small, resnet50], probes: [rgb, edges, texture]}"


@pytest.mark.parametrize(
    ("size", "recipes", "crop"),
    [(32, [SMALL, SMALL, SMALL_TEXTURE], View(32, 24, 2)), (375, [PAPER, PAPER_PROBE, TEXTURE], View(256, 128, 2))],
)
def test_probes_have_default_recipes_for_small_and_large_images(size: int, recipes: list[object], crop: View) -> None:
    small, resnet = cell_groups(study(PROBES), fixed_size(size))
    assert [cell.recipe for cell in small.cells] == recipes
    assert [cell.architecture for cell in small.cells] == ["small", "small", "bagnet9"]
    assert [cell.architecture for cell in resnet.cells] == ["resnet50", "resnet50", "bagnet9"]
    assert small.cells[2] == resnet.cells[2]  # trained once, reported in both groups
    assert trained(small.cells[2]).view == crop


def test_a_recipe_of_the_study_is_used_for_every_probe() -> None:
    def unused_size() -> int:
        raise AssertionError("no default needs it")

    (group,) = cell_groups(study("{probes: [rgb, texture], recipes: [quick]}"), unused_size)
    assert [cell.recipe_name for cell in group.cells] == ["quick", "quick"]


def test_a_study_changes_a_recipe() -> None:
    own = "recipes: {longer: {like: small, epochs: 30, size: 48, resize: 48, stored_size: native}}"
    ((cell,),) = (group.cells for group in cell_groups(study("{recipes: [longer]}", own), fixed_size(32)))
    recipe = trained(cell).recipe
    assert (recipe.epochs, recipe.stored_size, recipe.augmentation.size) == (30, "native", 48)
    assert recipe.learning_rate == SMALL.learning_rate
    assert trained(cell).view == View(48, 48)


def test_a_study_changes_the_settings_of_a_probe() -> None:
    own = "probes: {texture: {recipe: small, crops: 1}, mine: {architecture: resnet18, transform: {kind: edges}}}"
    (group,) = cell_groups(study("{probes: [texture, mine], recipes: [quick]}", own), fixed_size(32))
    assert [cell.names for cell in group.cells] == [("bagnet9", "small", "texture"), ("resnet18", "quick", "mine")]
    assert trained(group.cells[0]).view == View(32, 32, 1)


def test_the_checkpoint_of_the_paper_can_be_selected() -> None:
    (group,) = cell_groups(study("{checkpoint: lowest-validation-loss}"), fixed_size(32))
    assert trained(group.cells[0]).recipe.checkpoint == "lowest-validation-loss"
    assert trained(cell_groups(study(), fixed_size(32))[0].cells[0]).recipe.checkpoint == "last"


@pytest.mark.parametrize(
    ("train", "more", "message"),
    [
        ("{recipes: [smal]}", "", "^train.recipes: unknown recipe 'smal'; did you mean 'small'"),
        ("{recipes: [defalt]}", "", "did you mean 'default'"),
        ("{}", "recipes: {mine: {like: papr}}", "^recipes.mine.like: unknown recipe 'papr'; did you mean 'paper'"),
        ("{}", "probes: {mine: {recipe: quik}}", "^probes.mine.recipe: unknown recipe 'quik'; did you mean 'quick'"),
        ("{}", "probes: {mine: {architecture: resnet5}}", "^probes.mine.architecture: unknown architecture 'resnet5'"),
        ("{weights: {resnet5: w.safetensors}}", "", "^train.weights: unknown architecture 'resnet5'"),
        ("{probes: [rgbb]}", "", "^train.probes: unknown probe 'rgbb'; did you mean 'rgb'"),
        ("{architectures: [resnet5]}", "", "^train.architectures: unknown architecture 'resnet5'"),
        ("{}", "metrics: []\nencoders: [clip-vit-b32]", "^encoders: .*'clip-vit-b32'"),
    ],
)
def test_unknown_names_are_reported_with_the_nearest_name(train: str, more: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_names(study(train, more))


def test_names_in_user_defined_rows_are_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from prettyuseful.training.recipes import RECIPES, NamedRecipe\n"
        "from prettyuseful.transforms.probes import Probe\n"
        "FAR = Probe('far', small_recipe='smal')\nOLD = Probe('old', architecture='resnet5')\n"
        f"TWIN = Probe('twin', small_recipe='{tmp_path}/mine.py:SMALL')\n"
        "SMALL = NamedRecipe('small', 'another one', RECIPES['small'].recipe)\n"
    )
    for name, message in (
        ("FAR", "'mine:FAR': unknown recipe 'smal'; did you mean 'small'"),
        ("OLD", "'mine:OLD': unknown architecture 'resnet5'"),
        ("TWIN", "the recipe 'mine:SMALL' has the name 'small'"),
    ):
        with pytest.raises(UnknownNameError, match=message):
            check_names(study(f"{{probes: ['{tmp_path}/mine.py:{name}']}}"))


def test_a_study_can_change_a_user_defined_recipe(tmp_path: Path) -> None:
    """The file of the recipe is found in the folder of the study, whatever the working directory."""
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\nfrom prettyuseful.training.recipes import RECIPES, NamedRecipe\n"
        "SLOW = NamedRecipe('slow', 'another one', replace(RECIPES['small'].recipe, batch_size=8))\n"
    )
    file = tmp_path / "study.yaml"
    file.write_text(
        "version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 4}}\n"
        "recipes: {longer: {like: mine.py:SLOW, epochs: 3}}\ntrain: {recipes: [longer]}\n"
    )
    ((cell,),) = (group.cells for group in cell_groups(load_study(file), fixed_size(32)))
    assert (trained(cell).recipe.batch_size, trained(cell).recipe.epochs) == (8, 3)


@pytest.mark.parametrize(
    ("train", "more", "message"),
    [
        ("{probes: [texture]}", "probes: {textur: {crops: 3}}", "'textur' but does not use it; did you mean 'texture'"),
        ("{recipes: [small]}", "recipes: {smal: {like: small}}", "'smal' but does not use it; did you mean 'small'"),
        ("{weights: {small: w.safetensors}}", "", "'small', but no classifier starts from pretrained weights .* none"),
        (
            "{architectures: [resnet10t.c3_in1k], recipes: [fine-tuning], weights: {resnet10t: w.safetensors}}",
            "",
            "'resnet10t', but no classifier .*; did you mean 'resnet10t.c3_in1k'",
        ),
    ],
)
def test_unused_definitions_are_rejected(train: str, more: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_study(study(train, more))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("{like: quick, size: 160}", "recipe 'mine': size 160 is larger than resize 144"),
        ("{like: texture, size: 300, resize: native}", "size 300 is larger than stored_size 256"),
    ],
)
def test_impossible_sizes_are_rejected_before_training(recipe: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        cell_groups(study("{recipes: [mine]}", f"recipes: {{mine: {recipe}}}"), fixed_size(32))
