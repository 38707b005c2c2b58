"""The grid cells of a study: combinations of architecture, recipe and probe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from prettyuseful.encoders.source import EncoderSource
from prettyuseful.encoders.table import EFFICIENTNET_LITE0, ENCODERS
from prettyuseful.errors import StudyError, UnknownNameError, did_you_mean, prefix_location
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.study.file import DEFAULT, Study
from prettyuseful.training.architectures import ARCHITECTURES, check_architecture
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.recipes import FROZEN_FEATURES, RECIPES, FrozenFeatures, Recipe, View, view_of
from prettyuseful.transforms.probes import PROBES, Probe


@dataclass(frozen=True)
class NamedCell:
    """The names of a grid cell: its architecture, recipe and probe."""

    architecture: str
    recipe_name: str
    probe: str

    @property
    def names(self) -> tuple[str, str, str]:
        return self.architecture, self.recipe_name, self.probe


@dataclass(frozen=True)
class PlannedCell(NamedCell):
    """A grid cell of networks that are trained, with the resolved recipe and test view."""

    recipe: Recipe
    view: View


@dataclass(frozen=True)
class FrozenCell(NamedCell):
    """A grid cell of linear probes on the features of a frozen encoder."""

    recipe: FrozenFeatures
    encoder: EncoderSource


AnyCell = PlannedCell | FrozenCell


@dataclass(frozen=True)
class CellGroup:
    """The grid cells of one architecture and one recipe of the study, one cell for each probe.

    A cell may use another architecture and recipe than its group, because a probe may define its own.
    """

    architecture: str
    recipe: str
    cells: tuple[AnyCell, ...]


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
            if isinstance(RECIPES[plan.like].recipe, FrozenFeatures):
                raise StudyError(f"{plan.like} has no settings that a study can change; use it by its name")
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
    with prefix_location("train.architectures"):
        for name in train.architectures:
            check_name = check_encoder_or_architecture if _is_frozen(study, train.recipes) else _check_architecture
            check_name(name)
        ENCODERS.check_unique_labels(name for name in train.architectures if is_plugin(name))
    with prefix_location("train.weights"):
        for name in train.weights:
            if name not in train.architectures:
                _check_architecture(name)
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


def _is_frozen(study: Study, recipes: Iterable[str]) -> bool:
    return any(frozen_recipe(name) for name in recipes if name not in study.recipes)


def check_encoder_or_architecture(name: str) -> None:
    """Raise UnknownNameError, with the nearest name, unless it names an encoder, an architecture or a timm id."""
    if name in ENCODERS or name in ARCHITECTURES or is_plugin(name):
        return
    try:
        check_architecture(name)
    except UnknownNameError as error:
        if "." in name and not did_you_mean(name, ENCODERS.rows):
            raise
        hint = did_you_mean(name, ENCODERS.rows) or did_you_mean(name, ARCHITECTURES.rows)
        if not hint:
            raise UnknownNameError(f"{error}, and encoders: {', '.join(_FROZEN_ENCODERS)}, or module:OBJECT") from None
        raise UnknownNameError(
            f"unknown encoder or architecture {name!r}{hint}; encoders: {', '.join(_FROZEN_ENCODERS)}, every timm id, "
            "or module:OBJECT"
        ) from None


_FROZEN_ENCODERS = [row.name for row in ENCODERS if not row.is_task_classifier]


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


_PRETRAINED = [
    row.name for row in RECIPES if isinstance(row.recipe, FrozenFeatures) or row.recipe.weights == "pretrained"
]


def _check_weights(study: Study, cells: Iterable[AnyCell]) -> None:
    pretrained = list(
        dict.fromkeys(
            cell.architecture for cell in cells if isinstance(cell, FrozenCell) or cell.recipe.weights == "pretrained"
        )
    )
    for name in study.train.weights:
        if name not in pretrained:
            raise UnknownNameError(
                f"train.weights lists {name!r}, but no classifier starts from pretrained weights of that architecture"
                f"{did_you_mean(name, pretrained)}; architectures with pretrained weights here: "
                f"{', '.join(pretrained) or 'none'} (recipes {', '.join(_PRETRAINED)}, and recipes based on them)"
            )


def cell_groups(study: Study, native_size: Callable[[], int]) -> tuple[CellGroup, ...]:
    """Return the cell groups in the order of the study.

    `native_size`: returns the short side of the task's images; called only if a default recipe depends on it.
    """
    size = cache(native_size)

    def cell(architecture: str, recipe_name: str, probe_name: str) -> AnyCell:
        probe, probe_plan = resolve_probe(study, probe_name), study.probes.get(probe_name)
        if probe_plan and probe_plan.recipe:
            recipe_name = probe_plan.recipe
        if frozen := frozen_recipe(recipe_name):
            _check_frozen(study, recipe_name, probe_name)
            name = probe.architecture or architecture
            encoder = frozen_encoder(study, name)
            return FrozenCell(encoder.label, RECIPES.label(recipe_name), probe_label(probe_name), frozen, encoder)
        if recipe_name == DEFAULT:
            recipe_name = probe.default_recipe(size())
        recipe, names = resolve_recipe(study, recipe_name), (RECIPES.label(recipe_name), probe_label(probe_name))
        return PlannedCell(probe.architecture or architecture, *names, recipe, view_of(recipe, probe.crops))

    train = study.train
    groups = tuple(
        CellGroup(
            ENCODERS.label(architecture),
            RECIPES.label(recipe),
            tuple(cell(architecture, recipe, probe) for probe in train.probes),
        )
        for architecture, recipe in _combinations(train.architectures, train.recipes)
    )
    _check_weights(study, (cell for group in groups for cell in group.cells))
    return groups


def _combinations(architectures: Sequence[str], recipes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of architecture and recipe that are trained.

    An encoder is combined with frozen-features only. An architecture is combined with all other recipes; and, with
    frozen-features, a timm id, if the study names no encoder or no other recipe.

    Raises:
        StudyError: an architecture or a recipe is left over.
    """
    frozen = [name for name in recipes if frozen_recipe(name)]
    if not frozen:
        return list(product(architectures, recipes))
    encoders = [name for name in architectures if name in ENCODERS or (is_plugin(name) and name not in ARCHITECTURES)]
    if len(frozen) == len(recipes) or not encoders:
        encoders = [name for name in architectures if name not in ARCHITECTURES or len(frozen) == len(recipes)]
    trained = [name for name in architectures if name not in ENCODERS and not is_plugin(name)]
    pairs = [(a, r) for a, r in product(architectures, recipes) if a in (encoders if r in frozen else trained)]
    if unused := [name for name in architectures if name not in {a for a, _ in pairs}]:
        raise StudyError(
            f"train.recipes: {unused[0]} is an encoder, which only {FROZEN_FEATURES} uses; add that recipe, or use "
            "an architecture"
        )
    if unused := [name for name in recipes if name not in {r for _, r in pairs}]:
        needed = "an encoder (`prettyuseful list encoders`) or a timm id" if unused[0] in frozen else "an architecture"
        raise StudyError(f"train.architectures: the recipe {RECIPES.label(unused[0])} needs {needed}; add one")
    return pairs


def frozen_recipe(name: str) -> FrozenFeatures | None:
    """Return the recipe of that name if it is one for frozen features."""
    recipe = RECIPES[name].recipe if name in RECIPES or is_plugin(name) else None
    return recipe if isinstance(recipe, FrozenFeatures) else None


def frozen_encoder(study: Study, name: str) -> EncoderSource:
    """Return the encoder whose features the linear probes use, with the weights that the study gives it.

    Raises:
        StudyError: it has no weights.
    """
    listed = next((encoder.weights for encoder in study.encoders if encoder.name == name), None)
    weights = study.train.weights.get(name) or listed
    row = ENCODERS.rows.get(name)
    if name in ARCHITECTURES or (row is not None and row.is_task_classifier):
        raise StudyError(
            f"train.architectures: {name} has no pretrained weights, so the recipe {FROZEN_FEATURES} cannot use it; "
            f"use an encoder, such as {EFFICIENTNET_LITE0.name}, or a timm id"
        )
    if row is not None and row.needs_weights and weights is None:
        raise StudyError(f"train.architectures: {name} has no default weights; give them in train.weights")
    return EncoderSource(name=name, weights=weights)


def _check_frozen(study: Study, recipe: str, probe: str) -> None:
    """Check what a linear probe on frozen features cannot do.

    Raises:
        StudyError: the study asks for it.
    """
    name, plan = RECIPES.label(recipe), study.probes.get(probe)
    if probe_label(probe) != "rgb":
        raise StudyError(f"the recipe {name} needs the probe rgb, not {probe_label(probe)}; remove one of them")
    if plan is not None and plan.crops not in (None, 1):
        raise StudyError(f"the recipe {name} uses one crop, that of its encoder; remove crops of the probe rgb")
    for dataset, dataset_plan in study.datasets.items():
        if dataset_plan.pretrain:
            raise StudyError(
                f"data set {dataset!r}: pretrain needs networks that are trained, but the recipe {name} trains none; "
                "remove one of them"
            )
    if study.train.until is not None:
        raise StudyError(
            f"train.until: with the recipe {name}, further seeds do not change the result of a generated data set; "
            "remove until"
        )


def reference_cell(group: CellGroup) -> AnyCell:
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
    assert isinstance(base, Recipe)  # frozen features are planned elsewhere
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
