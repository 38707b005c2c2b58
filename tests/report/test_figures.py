from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.report import figures
from prettyuseful.report.drawing import Figure
from prettyuseful.report.series_style import series_styles

from .conftest import Make


def accuracy_of(summary: Summary, rows: tuple[Row, ...] | None = None) -> Figure:
    return figures.accuracy_figure("a", summary.rows if rows is None else rows, series_styles(summary), 1 / 3, 1.0)


def test_accuracy_figure_shows_seeds_and_intervals(small: Summary) -> None:
    figure = accuracy_of(small)
    seeds = [trace for trace in figure.data if trace["marker"]["symbol"] == "line-ns-open"]
    means = [trace for trace in figure.data if "error_x" in trace]
    assert [trace["x"] for trace in seeds] == [list(row.seeds) for row in small.rows]
    for trace, row in zip(means, small.rows, strict=True):
        assert row.to_real is not None
        assert trace["x"] == [row.to_real.mean]
        assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(row.to_real.high)
        assert trace["x"][0] - trace["error_x"]["arrayminus"][0] == pytest.approx(row.to_real.low)


def test_accuracy_figure_shows_real_baseline_and_chance(small: Summary) -> None:
    shapes = accuracy_of(small).layout["shapes"]
    real = small.rows[0].to_real
    assert real is not None
    assert any(s["type"] == "rect" and (s["x0"], s["x1"]) == (real.low, real.high) for s in shapes)
    assert any(s["type"] == "line" and s["x0"] == s["x1"] == pytest.approx(1 / 3) for s in shapes)


def test_figures_leave_out_unfinished_rows(small: Summary) -> None:
    rows = tuple(replace(row, to_real=None, from_real=None, seeds=()) for row in small.rows)
    assert accuracy_of(small, rows).data == []
    assert figures.transfer_figure("t", rows, series_styles(small), (0.0, 1.0)).data == []
    hollow = figures.distribution_figure("d", rows, series_styles(small), (0.0, 1.0))
    assert all(trace["marker"]["color"] == "@surface" for trace in hollow.data)


def test_transfer_figure_puts_real_images_on_the_diagonal(small: Summary) -> None:
    real, base, _ = figures.transfer_figure("t", small.rows, series_styles(small), (0.0, 1.0)).data
    assert real["x"] == real["y"]
    row = small.rows[1]
    assert row.from_real is not None
    assert row.to_real is not None
    assert (base["x"], base["y"]) == ([row.from_real.mean], [row.to_real.mean])


def test_distribution_figure_is_filled_by_accuracy_except_for_the_control(small: Summary) -> None:
    real, base, _ = figures.distribution_figure("d", small.rows, series_styles(small), (0.0, 1.0)).data
    assert real["marker"]["symbol"] == "diamond"
    assert real["marker"]["color"] == "@surface"
    assert base["marker"]["color"] == [small.rows[1].to_real.mean]  # type: ignore[union-attr]


def test_mixes_are_labelled_and_left_out_of_the_transfer_figure(small: Summary) -> None:
    real, base, mixed = small.rows
    rows = (real, base, replace(mixed, holds_real=True, from_real=None))
    drawn = figures.distribution_figure("d", rows, series_styles(small), (0.0, 1.0)).data
    hovers = [trace["hovertext"][0] for trace in drawn]
    assert [kind in text for kind, text in zip(("Real→Real", "Synth→Real", "Mixed→Real"), hovers, strict=True)] == [
        True
    ] * 3
    assert len(figures.transfer_figure("t", rows, series_styles(small), (0.0, 1.0)).data) == 2


def test_names_are_escaped_in_plots(small: Summary) -> None:
    styles = {which: replace(style, label="<a href='x'>%{x}</a>") for which, style in series_styles(small).items()}
    ends = (0.0, 1.0)
    drawn = [
        figures.accuracy_figure("a", small.rows, styles, 0.5, 1.0),
        figures.transfer_figure("t", small.rows, styles, ends),
        figures.distribution_figure("d", small.rows, styles, ends),
    ]
    text = json.dumps([(figure.data, figure.layout) for figure in drawn])
    assert "<a" not in text
    assert "hovertemplate" not in text


def test_figures_have_a_text_alternative(make: Make) -> None:
    figure = accuracy_of(make())
    assert "base 60.0% [" in figure.alt
    assert "chance 33.3%" in figure.alt
