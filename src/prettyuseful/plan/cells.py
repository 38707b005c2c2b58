"""The grid cells of a study: combinations of architecture, recipe and probe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import StudyError, UnknownNameError, did_you_mean, prefix_location
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.study.file import DEFAULT, Study
from prettyuseful.training.architectures import ARCHITECTURES, check_architecture
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.recipes import RECIPES, Recipe, View, view_of
from prettyuseful.transforms.probes import PROBES, Probe


@dataclass(frozen=True)
class PlannedCell:
    """A grid cell: the names of its architecture, recipe and probe, with the resolved recipe and test view."""

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
    """The grid cells of one architecture and one recipe of the study, one cell for each probe.

    A cell may use another architecture and recipe than its group, because a probe may define its own.
    """

    architecture: str
    recipe: str
    cells: tuple[PlannedCell, ...]


def check_names(study: Study) -> None:
    """Check all names of a study, and that it uses every probe and recipe that it defines.

    Raises:
        UnknownNameError: an unknown or unused architecture, recipe or probe, or two user-defined objects with one name.
    """
    train = study.train
    requested = [*train.recipes, *(study.probes[probe].recipe for probe in train.probes if probe in study.probes)]
    recipes = [recipe for recipe in requested if recipe]
    probe_recipes: list[str] = []
    with prefix_location("train.recipes"):
        for recipe in train.recipes:
            RECIPES.check(recipe, extra_names=[DEFAULT, *study.recipes])
    for name, plan in study.recipes.items():
        with prefix_location(f"recipes.{name}.like"):
            RECIPES.check(plan.like)
    for name, own in study.probes.items():
        with prefix_location(f"probes.{name}.recipe"):
            RECIPES.check(own.recipe or DEFAULT, extra_names=[DEFAULT, *study.recipes])
        with prefix_location(f"probes.{name}.architecture"):
            _check_architecture(own.architecture)
    with prefix_location("train.probes"):
        for probe in train.probes:
            PROBES.check(probe, extra_names=study.probes)
            row = resolve_probe(study, probe)
            with prefix_location(repr(plugin_id(probe) if is_plugin(probe) else probe)):
                _check_architecture(row.architecture)
                for recipe in (row.small_recipe, row.large_recipe):
                    RECIPES.check(recipe)
                    probe_recipes.append(recipe)
    for location, names in (("train.architectures", train.architectures), ("train.weights", train.weights)):
        with prefix_location(location):
            for architecture in names:
                _check_architecture(architecture)
    with prefix_location("train.recipes"):
        RECIPES.check_unique_labels([*recipes, *probe_recipes], reserved=[DEFAULT, *study.recipes])
    with prefix_location("train.probes"):
        PROBES.check_unique_labels(train.probes, reserved=study.probes)
    with prefix_location("encoders"):
        for encoder in study.encoders:
            encoder.check_name()
        ENCODERS.check_unique_labels(encoder.name for encoder in study.encoders)
    strategies: dict[str, None] = {}
    for name, dataset in study.datasets.items():
        strategies[dataset.prompts.strategy] = None
        with prefix_location(f"data set {name!r}"):
            PROMPT_STRATEGIES.check_unique_labels(strategies)
    _check_used("probe", study.probes, train.probes, "train.probes")
    _check_used("recipe", study.recipes, recipes, "train.recipes")


def _check_architecture(name: str | None) -> None:
    if name is not None and name not in ARCHITECTURES:
        check_architecture(name)


def _check_used(kind: str, defined: Iterable[str], used: Sequence[str], location: str) -> None:
    for name in defined:
        if name not in used:
            raise UnknownNameError(
                f"the study defines the {kind} {name!r} but does not use it{did_you_mean(name, used)}; "
                f"list it in {location}, or remove it"
            )


_PRETRAINED = [row.name for row in RECIPES if row.recipe.weights == "pretrained"]


def _check_weights(study: Study, cells: Iterable[PlannedCell]) -> None:
    pretrained = list(dict.fromkeys(cell.architecture for cell in cells if cell.recipe.weights == "pretrained"))
    for name in study.train.weights:
        if name not in pretrained:
            raise UnknownNameError(
                f"train.weights lists {name!r}, but no classifier starts from pretrained weights of that architecture"
                f"{did_you_mean(name, pretrained)}; architectures with pretrained weights here: "
                f"{', '.join(pretrained) or 'none'} (recipes {' and '.join(_PRETRAINED)}, and recipes based on them)"
            )


def cell_groups(study: Study, native_size: Callable[[], int]) -> tuple[CellGroup, ...]:
    """Return the cell groups in the order of the study.

    `native_size`: returns the short side of the task's images; called only if a default recipe depends on it.
    """
    size = cache(native_size)

    def cell(architecture: str, recipe_name: str, probe_name: str) -> PlannedCell:
        probe, probe_plan = resolve_probe(study, probe_name), study.probes.get(probe_name)
        if probe_plan and probe_plan.recipe:
            recipe_name = probe_plan.recipe
        if recipe_name == DEFAULT:
            recipe_name = probe.default_recipe(size())
        recipe, names = resolve_recipe(study, recipe_name), (RECIPES.label(recipe_name), probe_label(probe_name))
        return PlannedCell(probe.architecture or architecture, *names, recipe, view_of(recipe, probe.crops))

    train = study.train
    groups = tuple(
        CellGroup(
            architecture, RECIPES.label(recipe), tuple(cell(architecture, recipe, probe) for probe in train.probes)
        )
        for architecture, recipe in product(train.architectures, train.recipes)
    )
    _check_weights(study, (cell for group in groups for cell in group.cells))
    return groups


def reference_cell(group: CellGroup) -> PlannedCell:
    """Return the first cell with unchanged images; metrics and diagnoses use its classifiers."""
    return next((cell for cell in group.cells if cell.probe == "rgb"), group.cells[0])


def probe_label(name: str) -> str:
    """Return the name of a probe of `train.probes` in records and reports."""
    return PROBES.label(name)


def resolve_probe(study: Study, name: str) -> Probe:
    """Return a probe by its name, with the settings of the study."""
    plan = study.probes.get(name)
    probe = Probe(name) if plan is not None and name not in PROBES else PROBES[name]
    settings = {} if plan is None else {field: getattr(plan, field) for field in _PROBE_SETTINGS}
    return replace(probe, **{field: value for field, value in settings.items() if value is not None})


_PROBE_SETTINGS = ("transform", "architecture", "crops")


def resolve_recipe(study: Study, name: str) -> Recipe:
    """Return a recipe by its name, which may be defined by the study."""
    plan = study.recipes.get(name)
    base = RECIPES[plan.like if plan else name].recipe
    changes = plan.model_dump(exclude={"like"}, exclude_unset=True) if plan else {}
    if "size" in changes:
        changes["augmentation"] = replace(base.augmentation, size=changes.pop("size"))
    if study.train.checkpoint is not None:
        changes["checkpoint"] = study.train.checkpoint
    recipe = replace(base, **changes)
    _check_sizes(name, recipe)
    return recipe


def _check_sizes(name: str, recipe: Recipe) -> None:
    """Check the sizes now, because the error would otherwise occur after the training.

    Raises:
        StudyError: images are too small for the crops.
    """
    size, augmentation = recipe.augmentation.size, recipe.augmentation
    if recipe.resize != "native" and size > recipe.resize:
        raise StudyError(
            f"recipe {name!r}: size {size} is larger than resize {recipe.resize}, the size of test images; "
            "increase resize, or decrease size"
        )
    enlarges = isinstance(augmentation, Augmentation) and augmentation.scale is not None
    if not enlarges and recipe.stored_size != "native" and size > recipe.stored_size:
        raise StudyError(
            f"recipe {name!r}: size {size} is larger than stored_size {recipe.stored_size}, the size of stored images; "
            "increase stored_size, or decrease size"
        )
