"""Rows by name: those that come with the package, and users' own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import DataError, UnknownNameError, UserError
from prettyuseful.metrics import METRICS
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.registry import Registry, loaded, row_problem
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
    """A fruit of a user's, of the class that this module has."""
    (tmp_path / "mine.py").write_text(
        f"import sys\nFruit = sys.modules[{__name__!r}].Fruit\nFIG = Fruit('fig')\nTEN = 10\n"
    )
    return f"{tmp_path}/mine.py:FIG"


def test_rows_are_found_by_name_and_the_users_own_by_module_and_object(own: str) -> None:
    assert [row.name for row in FRUITS] == ["apple", "pear"]
    assert FRUITS["pear"].name == "pear"
    assert FRUITS[own].name == FRUITS.label(own) == "fig"
    assert own not in FRUITS
    assert FRUITS.label("pear") == "pear"


def test_an_unknown_name_gets_the_nearest(own: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown fruit 'aple'; did you mean 'apple'\?; known: apple, pear, or"):
        FRUITS["aple"]
    with pytest.raises(UnknownNameError, match="did you mean 'FIG'"):
        FRUITS[own.replace("FIG", "FIGG")]
    with pytest.raises(UnknownNameError, match=r"'mine:TEN' is of the type int; .* write NAME = Fruit\(...\)"):
        FRUITS[own.replace("FIG", "TEN")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Fruit('a/b')", r"name is 'a/b'; use letters, digits, '-', '_' and '\.'"),
        ("Fruit(5)", "name is 5: input should be a valid string"),
        ("Fruit('fig', summary=None)", "summary is None: input should be a valid string"),
    ],
)
def test_a_row_that_cannot_be_is_one_clear_line(own: str, tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("Fruit('fig')", written))
    with pytest.raises(UnknownNameError, match=f"^fruit mine:FIG: {said}"):
        FRUITS[own]


@pytest.mark.parametrize("registry", [ENCODERS, METRICS, PROBES, PROMPT_STRATEGIES, RECIPES, TASKS])
def test_the_rows_of_the_package_fit_their_types(registry: Registry[Any]) -> None:
    assert {row.name: row_problem(row) for row in registry} == {row.name: None for row in registry}


def test_a_name_of_another_registry_is_taken_too(own: str) -> None:
    with pytest.raises(UnknownNameError, match="the fruit 'mine:FIG' is called 'fig', as is another here"):
        FRUITS.check_labels([own, "fig"])


def test_a_module_that_leaves_is_one_clear_line(own: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit(3)")
    with pytest.raises(UnknownNameError, match="cannot be imported: SystemExit: 3"):
        FRUITS[own]


def test_a_key_holds_the_name_of_a_row_and_the_content_of_a_file(own: str, tmp_path: Path) -> None:
    assert FRUITS.pinned("pear").content == "pear"
    before = FRUITS.pinned(own)
    assert before.source == own
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text() + "# more\n")
    assert FRUITS.pinned(own).content not in (before.content, "fig", own)


def test_rows_of_one_name_are_refused(own: str, tmp_path: Path) -> None:
    FRUITS.check_labels([own, "pear"])
    (tmp_path / "other.py").write_text((tmp_path / "mine.py").read_text())
    with pytest.raises(UnknownNameError, match="'other:FIG' is called 'fig', as is 'mine:FIG'"):
        FRUITS.check_labels([own, f"{tmp_path}/other.py:FIG"])
    with pytest.raises(UnknownNameError, match="'mine:FIG' is called 'fig', as is another here"):
        FRUITS.check_labels([own], also=["fig"])


def test_what_a_users_own_raises_is_one_line_that_names_it(own: str) -> None:
    with pytest.raises(DataError, match=r"^fruit mine:FIG: ValueError: too ripe$"), FRUITS.guard(own):
        raise ValueError("too\nripe")
    with pytest.raises(UserError, match=r"^as it is$"), FRUITS.guard(own):
        raise UserError("as it is")
    with pytest.raises(ValueError, match="ours"), FRUITS.guard("pear"):
        raise ValueError("ours")


@pytest.mark.parametrize("registry", [ENCODERS, PROMPT_STRATEGIES, TASKS, ARCHITECTURES, RECIPES, PROBES])
def test_every_row_has_a_line_on_it_and_what_it_names_is_there(registry: Registry[Fruit]) -> None:
    for row in registry:
        assert row.summary
        assert "\n" not in row.summary
        if make := getattr(row, "make", None):
            assert callable(loaded(make))
