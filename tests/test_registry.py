"""Registries: built-in rows and user-defined rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import DataError, UnknownNameError, UserError
from prettyuseful.metrics import METRICS
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.registry import Registry, find_row_problem, import_target
from prettyuseful.tasks.source import TASKS
from prettyuseful.training.architectures import ARCHITECTURES
from prettyuseful.training.recipes import RECIPES
from prettyuseful.transforms.probes import PROBES


@dataclass(frozen=True)
class Fruit:
    name: str
    summary: str = "sweet"


FRUITS = Registry("fruit", Fruit, (Fruit("apple"), Fruit("pear")))


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A user-defined fruit; its class is the one of this module."""
    (tmp_path / "mine.py").write_text(
        f"import sys\nFruit = sys.modules[{__name__!r}].Fruit\nFIG = Fruit('fig')\nTEN = 10\n"
    )
    return f"{tmp_path}/mine.py:FIG"


def test_rows_are_looked_up_by_name_or_by_module_and_object(own: str) -> None:
    assert [row.name for row in FRUITS] == ["apple", "pear"]
    assert FRUITS["pear"].name == "pear"
    assert FRUITS[own].name == FRUITS.label(own) == "fig"
    assert own not in FRUITS
    assert FRUITS.label("pear") == "pear"


def test_an_unknown_name_suggests_the_nearest_one(own: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown fruit 'aple'; did you mean 'apple'\?; known: apple, pear, or"):
        FRUITS["aple"]
    with pytest.raises(UnknownNameError, match="did you mean 'FIG'"):
        FRUITS[own.replace("FIG", "FIGG")]
    with pytest.raises(UnknownNameError, match=r"'mine:TEN' has the type int, .* write NAME = Fruit\(...\)"):
        FRUITS[own.replace("FIG", "TEN")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Fruit('a/b')", r"name is 'a/b'; use letters, digits, '-', '_' and '\.'"),
        ("Fruit(5)", "name is 5: input should be a valid string"),
        ("Fruit('fig', summary=None)", "summary is None: input should be a valid string"),
    ],
)
def test_an_invalid_row_is_reported_on_one_line(own: str, tmp_path: Path, source: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("Fruit('fig')", source))
    with pytest.raises(UnknownNameError, match=f"^fruit mine:FIG: {message}"):
        FRUITS[own]


@pytest.mark.parametrize("registry", [ENCODERS, METRICS, PROBES, PROMPT_STRATEGIES, RECIPES, TASKS])
def test_built_in_rows_have_valid_field_types(registry: Registry[Any]) -> None:
    assert {row.name: find_row_problem(row) for row in registry} == {row.name: None for row in registry}


def test_a_label_equal_to_another_name_in_use_is_rejected(own: str) -> None:
    with pytest.raises(UnknownNameError, match="has the name 'fig', which another fruit already has"):
        FRUITS.check_unique_labels([own, "fig"])


def test_a_module_that_calls_exit_is_reported_on_one_line(own: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit(3)")
    with pytest.raises(UnknownNameError, match=r"cannot import .*: SystemExit: 3"):
        FRUITS[own]


def test_a_pin_holds_the_name_of_a_built_in_row_or_the_content_of_a_file(own: str, tmp_path: Path) -> None:
    assert FRUITS.pin("pear").content == "pear"
    before = FRUITS.pin(own)
    assert before.source == own
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text() + "# more\n")
    assert FRUITS.pin(own).content not in (before.content, "fig", own)


def test_rows_with_the_same_label_are_rejected(own: str, tmp_path: Path) -> None:
    FRUITS.check_unique_labels([own, "pear"])
    (tmp_path / "other.py").write_text((tmp_path / "mine.py").read_text())
    with pytest.raises(UnknownNameError, match="'other:FIG' has the name 'fig', which 'mine:FIG' already has"):
        FRUITS.check_unique_labels([own, f"{tmp_path}/other.py:FIG"])
    with pytest.raises(UnknownNameError, match="'mine:FIG' has the name 'fig', which another fruit already has"):
        FRUITS.check_unique_labels([own], reserved=["fig"])


def test_an_exception_of_user_defined_code_names_its_row_on_one_line(own: str) -> None:
    with pytest.raises(DataError, match=r"^fruit mine:FIG: ValueError: too ripe$"), FRUITS.guard(own):
        raise ValueError("too\nripe")
    with pytest.raises(UserError, match=r"^as it is$"), FRUITS.guard(own):
        raise UserError("as it is")
    with pytest.raises(ValueError, match="ours"), FRUITS.guard("pear"):
        raise ValueError("ours")


@pytest.mark.parametrize("registry", [ENCODERS, PROMPT_STRATEGIES, TASKS, ARCHITECTURES, RECIPES, PROBES])
def test_every_row_has_a_summary_and_an_importable_target(registry: Registry[Fruit]) -> None:
    for row in registry:
        assert row.summary
        assert "\n" not in row.summary
        if make := getattr(row, "make", None):
            assert callable(import_target(make))
