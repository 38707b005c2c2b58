from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from pydantic import JsonValue

import prettyuseful.steps
from prettyuseful.engine.step import StepSpec
from prettyuseful.engine.study_fields import (
    _EVERYWHERE,
    _OF_KIND,
    input_field,
    is_within,
    micro_batch_limit,
    study_field,
)
from prettyuseful.study.file import DatasetPlan, RecipePlan, Study, TrainPlan

SAME_WORDS = {"task", "numerics", "sampling", "transform", "recipe", "images"}
"""Fields of steps that have no row, because the study, or a user, calls them so."""


def _specs() -> Iterator[type[StepSpec]]:
    for module in pkgutil.iter_modules(prettyuseful.steps.__path__, "prettyuseful.steps."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, StepSpec) and value.__module__ == module.name:
                yield value


SPECS = {spec.kind: spec for spec in _specs()}


def test_every_row_is_of_a_field_of_a_kind_of_steps() -> None:
    for kind, rows in _OF_KIND.items():
        assert {path.partition(".")[0] for path in rows} <= SPECS[kind].model_fields.keys(), kind
    assert {path.partition(".")[0] for path in _EVERYWHERE} == {"numerics"}


@pytest.mark.parametrize("kind", SPECS)
def test_every_field_of_a_step_has_words(kind: str) -> None:
    rows = _OF_KIND.get(kind, {})
    for name in SPECS[kind].model_fields:
        if name not in SAME_WORDS:
            assert name in rows or any(path.startswith(f"{name}.") for path in rows) or kind == "sample", name


def test_what_another_field_follows_from_is_a_field_of_a_study() -> None:
    known = {*Study.model_fields, *DatasetPlan.model_fields, *TrainPlan.model_fields}
    known |= {row.words for rows in _OF_KIND.values() for row in rows.values()} | {"*", "images", "recipe"}
    known |= {f"recipe.{name}" for name in (*RecipePlan.model_fields, "weights")} | {"numerics.device"}
    for rows in (*_OF_KIND.values(), _EVERYWHERE):
        for path, row in rows.items():
            assert set(row.follows) <= known, path


@pytest.mark.parametrize(
    ("kind", "path", "words", "rest"),
    [
        ("generate", "seed", "seed of data set {dataset}", ""),
        ("generate", "model[0].commit", "generator", "[0].commit"),
        ("prompt", "options.templates", "prompts", ".templates"),
        ("train", "recipe.augmentation.size", "recipe.size", ""),
        ("train", "recipe.epochs", "recipe.epochs", ""),
        ("embed", "numerics.dtype", "numerics.dtype", ""),
        ("no such kind", "a.b[1].c", "a.b[1].c", ""),
    ],
)
def test_a_field_of_a_step_is_found_with_the_part_below_it(kind: str, path: str, words: str, rest: str) -> None:
    row, below = study_field(kind, path)
    assert (row.words, below) == (words, rest)


def test_a_field_lies_in_itself_and_in_what_is_around_it() -> None:
    assert is_within("recipe.size", "recipe")
    assert is_within("recipe", "recipe")
    assert is_within("mix of data set both", "mix")
    assert not is_within("recipes.size", "recipe")
    assert (input_field("train", "start"), input_field("train", "pixels")) == ("pretrain", None)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"prompts": 1, "sampling.steps": 3}, 6),
        ({"prompts": 2, "sampling": None}, 3),
        ({"prompts": 4, "sampling.steps": 3, "encoding.mixed": False}, 2),
        ({"prompts": 4, "sampling.steps": 3, "encoding.mixed": True}, 6),
        ({"prompts": 4, "sampling.steps": 3}, None),
        ({"prompts": 0, "sampling.steps": 3}, None),
    ],
)
def test_a_micro_batch_is_limited_by_the_images_of_a_prompt_or_of_the_class(
    fields: dict[str, JsonValue], limit: int | None
) -> None:
    """A diffusion model with few images per prompt has an encoding; without one, the setting was not limited."""
    assert micro_batch_limit({"images": 6, **fields}) == limit
