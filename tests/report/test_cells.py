from __future__ import annotations

from dataclasses import replace

import pytest
from tests.made_up import grey_png, study_file

from prettyuseful.analysis.summary import Summary
from prettyuseful.report import cells
from prettyuseful.report.series_style import series_styles
from prettyuseful.study.reading import parse_study

from .conftest import Make
from .test_thumbnails import noise_png


def results_of(summary: Summary) -> tuple[cells.CellResults, ...]:
    return cells.cell_results(summary, series_styles(summary))


def test_pre_registered_and_significant_comparisons_come_first(make: Make) -> None:
    rates = {"real": 0.9, "a": 0.6, "b": 0.59, "c": 0.2}
    [cell] = results_of(make(rates=rates, changed={"b": {"control": "a"}}))
    pairs = [(pair.a, pair.b) for pair in cell.comparisons]
    assert pairs[0] == ("b", "a")
    assert set(pairs[1:]) == {("a", "c"), ("b", "c")}
    assert cell.widest_difference >= max(abs(pair.to_real.high) for pair in cell.comparisons)


def test_lead_figure_shows_real_images_and_then_the_best_data_sets(make: Make) -> None:
    rates = {"real": 0.9, "low": 0.3, "high": 0.6}
    assert [row.dataset for row in cells.lead_rows(results_of(make(rates=rates)))] == ["real", "high", "low"]
    many = {"real": 0.9, **{f"set-{i}": 0.8 - 0.05 * i for i in range(12)}}
    assert [row.dataset for row in cells.lead_rows(results_of(make(rates=many)))][:3] == ["real", "set-0", "set-1"]
    assert len(cells.lead_rows(results_of(make(rates=many)))) == 9
    assert cells.lead_rows(results_of(make(failed=("real", "base", "curated")))) == ()


def test_cells_separate_finished_and_unfinished_rows(make: Make) -> None:
    [cell] = results_of(make(failed=("real", "base", "curated")))
    assert (cell.finished, len(cell.unfinished)) == ((), 3)


def test_draws_are_listed_where_there_are_several(make: Make) -> None:
    [cell] = results_of(make(draws={"base": 3}))
    [row] = cell.several_draws
    assert (row.dataset, [*row.draws], len(row.seeds)) == ("base", [0, 1, 2], 3)
    assert row.draws[0] > row.draws[1] > row.draws[2]


def test_samples_show_one_set_of_real_images_and_every_generated_one(make: Make) -> None:
    summary = make()
    samples = cells.sample_images(summary, series_styles(summary))
    assert samples is not None
    assert [style.label for style in samples.columns] == ["real", "base", "curated"]
    assert [name for name, _ in samples.lines] == ["cat", "dog", "fox"]
    assert (samples.images, samples.small) == (2, True)
    without = make(sample_images=0)
    assert cells.sample_images(without, series_styles(without)) is None


def test_sample_images_are_shown_in_one_size(make: Make) -> None:
    images = [["", ""], [grey_png(1, 0), grey_png(1, 1)], [noise_png(32)] * 2]
    summary = make(image=lambda label, number: images[label][number])
    samples = cells.sample_images(summary, series_styles(summary))
    assert samples is not None
    heights = [{sheet.height for sheet in sheets} for _, sheets in samples.lines]
    assert heights == [{0}, {56}, {56}]


def test_study_is_shown_as_it_was_written(small: Summary) -> None:
    file = study_file({"base": {"seed": 3}}, seeds=[0, 1])
    text = cells.study_as_yaml(replace(small, study=small.study.model_copy(update={"file": file})))
    assert parse_study(text) == file
    assert "sampling" not in text, "defaults are left out"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ("", "none"),
        (True, "yes"),
        ({"a": 1, "b": None}, "a: 1; b: none"),
        ([], "none"),
        ((1, 2), "1, 2"),
    ],
)
def test_settings_are_written_as_text(value: object, text: str) -> None:
    assert cells.settings_as_text({"cfg": value}) == (("guidance (cfg)", text),)
