from __future__ import annotations

import base64
from dataclasses import replace
from math import inf, nan

import pytest
from tests.made_up import study_file

from prettyuseful.analysis.summary import Summary
from prettyuseful.report import cells
from prettyuseful.report.series_style import looks_of
from prettyuseful.study.reading import parse_study

from .conftest import Make


def cells_of(summary: Summary) -> tuple[cells.CellView, ...]:
    return cells.cell_views(summary, looks_of(summary))


def test_of_many_cells_all_but_the_first_are_folded(make: Make) -> None:
    assert [cell.folded for cell in cells_of(make(architectures=("a", "b")))] == [False, False]
    assert [cell.folded for cell in cells_of(make(architectures=("a", "b", "c")))] == [False, True, True]


def test_planned_and_significant_comparisons_come_first(make: Make) -> None:
    rates = {"real": 0.9, "a": 0.6, "b": 0.59, "c": 0.2}
    [cell] = cells_of(make(rates=rates, changed={"b": {"control": "a"}}))
    order = [(pair.a, pair.b) for pair in cell.comparisons]
    assert order[0] == ("b", "a")
    assert set(order[1:]) == {("a", "c"), ("b", "c")}
    assert cell.reach >= max(abs(pair.to_real.high) for pair in cell.comparisons)


def test_the_best_is_the_generated_set_with_the_highest_accuracy(make: Make) -> None:
    [cell] = cells_of(make(rates={"real": 0.9, "low": 0.3, "high": 0.6}))
    assert cell.best is not None
    assert cell.real is not None
    assert (cell.best.dataset, cell.real.dataset) == ("high", "real")
    [cell] = cells_of(make(failed=("real", "base", "curated")))
    assert (cell.best, cell.finished, len(cell.unfinished)) == (None, (), 3)


def test_samples_show_one_set_of_real_images_and_every_generated_one(make: Make) -> None:
    summary = make()
    shown = cells.samples(summary, looks_of(summary))
    assert shown is not None
    assert [look.label for look in shown.columns] == ["real", "base", "curated"]
    assert [name for name, _ in shown.lines] == ["cat", "dog", "fox"]
    without = make(samples=0)
    assert cells.samples(without, looks_of(without)) is None


def test_the_width_of_a_picture_is_that_of_its_header() -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (48).to_bytes(4, "big") + b"\0\0\0\x20"
    assert cells.png_width(base64.b64encode(header).decode()) == 48
    assert cells.png_width("no picture!") == 0


def test_the_study_is_shown_as_it_was_written(small: Summary) -> None:
    file = study_file({"base": {"seed": 3}}, seeds=[0, 1])
    shown = cells.study_as_yaml(replace(small, study=small.study.model_copy(update={"file": file})))
    assert parse_study(shown) == file
    assert "sampling" not in shown, "what the file leaves out is left out"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        ("", "none"),
        (True, "yes"),
        ({"a": 1, "b": None}, "a: 1; b: none"),
        ([], "none"),
        ((1, 2), "1, 2"),
    ],
)
def test_settings_are_put_into_words(value: object, words: str) -> None:
    assert cells.setting_words({"cfg": value}) == (("guidance (cfg)", words),)


def test_what_is_not_finite_is_null_in_json() -> None:
    assert cells.finite({"a": [1.0, nan, -inf], "b": (2, "x")}) == {"a": [1.0, None, None], "b": [2, "x"]}
