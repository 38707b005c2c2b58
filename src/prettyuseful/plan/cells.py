"""The cells of a study: every way to train and test, all but the data and the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import StudyError, UnknownNameError, did_you_mean, located
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.study.file import DEFAULT, Study
from prettyuseful.training.architectures import ARCHITECTURES, check
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.recipes import RECIPES, Recipe, View, view_of
from prettyuseful.transforms.probes import PROBES, Probe


@dataclass(frozen=True)
class PlannedCell:
    """An architecture, a recipe and a probe by their names, and what these stand for."""

    architecture: str
    recipe_name: str
    probe: str
    recipe: Recipe
    view: View

    @property
    def names(self) -> tuple[str, str, str]:
        return self.architecture, self.recipe_name, self.probe


@dataclass(frozen=True)
class CellGroup:
    """The cells that belong together, one for each probe: an architecture and a recipe, as the study asks for them.

    A probe may have an architecture of its own, and by default a recipe of its own.
    """

    architecture: str
    recipe: str
    cells: tuple[PlannedCell, ...]


def check_names(study: Study) -> None:
    """Looks at every name, and whether what the study defines is used: a name that is not may be a slip.

    Raises:
        UnknownNameError: an architecture, recipe or probe that is not known, or that nothing uses; or two rows of one
            name.
    """
    train = study.train
    asked = [*train.recipes, *(study.probes[probe].recipe for probe in train.probes if probe in study.probes)]
    recipes = [recipe for recipe in asked if recipe]
    recipes_of_rows: list[str] = []
    with located("train.recipes"):
        for recipe in train.recipes:
            RECIPES.check(recipe, also=[DEFAULT, *study.recipes])
    for name, plan in study.recipes.items():
        with located(f"recipes.{name}.like"):
            RECIPES.check(plan.like)
    for name, own in study.probes.items():
        with located(f"probes.{name}.recipe"):
            RECIPES.check(own.recipe or DEFAULT, also=[DEFAULT, *study.recipes])
        with located(f"probes.{name}.architecture"):
            _check_architecture(own.architecture)
    with located("train.probes"):
        for probe in train.probes:
            PROBES.check(probe, also=study.probes)
            row = probe_of(study, probe)
            with located(repr(plugin_id(probe) if is_plugin(probe) else probe)):
                _check_architecture(row.architecture)
                for recipe in (row.small_recipe, row.large_recipe):
                    RECIPES.check(recipe)
                    recipes_of_rows.append(recipe)
    for place, names in (("train.architectures", train.architectures), ("train.weights", train.weights)):
        with located(place):
            for architecture in names:
                _check_architecture(architecture)
    with located("train.recipes"):
        RECIPES.check_labels([*recipes, *recipes_of_rows], also=[DEFAULT, *study.recipes])
    with located("train.probes"):
        PROBES.check_labels(train.probes, also=study.probes)
    with located("encoders"):
        for encoder in study.encoders:
            encoder.check_name()
        ENCODERS.check_labels(encoder.name for encoder in study.encoders)
    strategies: dict[str, None] = {}
    for name, dataset in study.datasets.items():
        strategies[dataset.prompts.strategy] = None
        with located(f"data set {name!r}"):
            PROMPT_STRATEGIES.check_labels(strategies)
    _check_used("probe", study.probes, train.probes, "train.probes")
    _check_used("recipe", study.recipes, recipes, "train.recipes")


def _check_architecture(name: str | None) -> None:
    if name is not None and name not in ARCHITECTURES:
        check(name)


def _check_used(kind: str, defined: Iterable[str], used: Sequence[str], where: str) -> None:
    for name in defined:
        if name not in used:
            raise UnknownNameError(
                f"the study defines the {kind} {name!r} and does not use it{did_you_mean(name, used)}; "
                f"name it in {where}, or remove it"
            )


_PRETRAINED = [row.name for row in RECIPES if row.recipe.weights == "pretrained"]


def _check_weights(study: Study, cells: Iterable[PlannedCell]) -> None:
    pretrained = list(dict.fromkeys(cell.architecture for cell in cells if cell.recipe.weights == "pretrained"))
    for name in study.train.weights:
        if name not in pretrained:
            raise UnknownNameError(
                f"train.weights names {name!r}, but no training begins with pretrained weights of that architecture"
                f"{did_you_mean(name, pretrained)}; those that do: {', '.join(pretrained) or 'none'} "
                f"(recipes {' and '.join(_PRETRAINED)}, and recipes like them)"
            )


def cell_groups(study: Study, native_size: Callable[[], int]) -> tuple[CellGroup, ...]:
    """In the order of the study. `native_size`: short side of the task's images, asked for if a default needs it."""
    size = cache(native_size)

    def cell(architecture: str, recipe_name: str, probe_name: str) -> PlannedCell:
        probe, own = probe_of(study, probe_name), study.probes.get(probe_name)
        if own and own.recipe:
            recipe_name = own.recipe
        if recipe_name == DEFAULT:
            recipe_name = probe.default_recipe(size())
        recipe, names = recipe_of(study, recipe_name), (RECIPES.label(recipe_name), probe_label(probe_name))
        return PlannedCell(probe.architecture or architecture, *names, recipe, view_of(recipe, probe.crops))

    train = study.train
    groups = tuple(
        CellGroup(
            architecture, RECIPES.label(recipe), tuple(cell(architecture, recipe, probe) for probe in train.probes)
        )
        for architecture, recipe in product(train.architectures, train.recipes)
    )
    _check_weights(study, (one for group in groups for one in group.cells))
    return groups


def plain_cell(group: CellGroup) -> PlannedCell:
    """The first one on images as they are, whose classifiers features and diagnoses come from."""
    return next((cell for cell in group.cells if cell.probe == "rgb"), group.cells[0])


def probe_label(name: str) -> str:
    """What records and reports call a probe of `train.probes`."""
    return PROBES.label(name)


def probe_of(study: Study, name: str) -> Probe:
    """A probe by its name, with what the study says of it."""
    own = study.probes.get(name)
    known = Probe(name) if own is not None and name not in PROBES else PROBES[name]
    said = {} if own is None else {field: value for field in _OF_PROBES if (value := getattr(own, field)) is not None}
    return replace(known, **said)


_OF_PROBES = ("transform", "architecture", "crops")


def recipe_of(study: Study, name: str) -> Recipe:
    """A recipe by its name, the study's own among them."""
    own = study.recipes.get(name)
    known = RECIPES[own.like if own else name].recipe
    changes = own.model_dump(exclude={"like"}, exclude_unset=True) if own else {}
    if "size" in changes:
        changes["augmentation"] = replace(known.augmentation, size=changes.pop("size"))
    if study.train.checkpoint is not None:
        changes["checkpoint"] = study.train.checkpoint
    recipe = replace(known, **changes)
    _check_sizes(name, recipe)
    return recipe


def _check_sizes(name: str, recipe: Recipe) -> None:
    """Better now than after the training."""
    size, augmentation = recipe.augmentation.size, recipe.augmentation
    if recipe.resize != "native" and size > recipe.resize:
        raise StudyError(
            f"recipe {name!r}: size {size} is larger than resize {recipe.resize}, to which test images are made; "
            "raise resize, or lower size"
        )
    enlarges = isinstance(augmentation, Augmentation) and augmentation.scale is not None
    if not enlarges and recipe.stored_size != "native" and size > recipe.stored_size:
        raise StudyError(
            f"recipe {name!r}: crops of {size} pixels cannot be cut from images stored with {recipe.stored_size}; "
            "raise stored_size, or lower size"
        )
