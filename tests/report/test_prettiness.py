from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from prettyuseful.analysis.published import published
from prettyuseful.analysis.summary import Summary
from prettyuseful.report.build import render
from prettyuseful.report.prettiness import PrettyFigures, pretty_figures
from prettyuseful.report.series_style import series_styles

from .conftest import Make

RATES = {"real": 0.9, "base": 0.8, "curated": 0.2, "other": 0.5}
PRETTINESS = {"real": 0.02, "base": -0.3, "curated": 0.6, "other": 0.1}
RELEASED = {"base": "2022-10", "curated": "2024-02"}
CONTROL = {"curated": {"generator": "pocket-base", "control": "base"}}


@pytest.fixture(scope="module")
def summary(make: Make) -> Summary:
    return make(rates=RATES, prettiness=PRETTINESS, released=RELEASED, changed=CONTROL)


@pytest.fixture(scope="module")
def figures(summary: Summary) -> PrettyFigures:
    return drawn(summary)


def drawn(summary: Summary) -> PrettyFigures:
    result = pretty_figures(summary, series_styles(summary))
    assert result is not None
    return result


def test_every_data_set_has_both_intervals(summary: Summary, figures: PrettyFigures) -> None:
    assert len(figures.main.data) == len(summary.rows)
    for trace, row in zip(figures.main.data, summary.rows, strict=True):
        pretty, useful = row.metrics["prettiness"], row.to_real
        assert useful is not None
        assert (trace["x"], trace["y"]) == ([pretty.mean], [useful.mean])
        assert trace["error_x"]["array"] == [pretty.high - pretty.mean]
        assert trace["error_y"]["arrayminus"] == [useful.mean - useful.low]
        for axis, value in (("xaxis", pretty), ("yaxis", useful)):
            low, high = figures.main.layout[axis]["range"]
            assert low <= value.low <= value.high <= high


def test_real_images_are_a_hollow_diamond_with_reference_lines(figures: PrettyFigures) -> None:
    real = figures.main.data[0]
    assert (real["marker"]["symbol"], real["marker"]["color"]) == ("diamond", "@surface")
    assert real["text"] == ["real images"]
    horizontal, vertical = figures.main.layout["shapes"]
    assert [horizontal["y0"], horizontal["y1"]] == real["y"] * 2
    assert [vertical["x0"], vertical["x1"]] == real["x"] * 2


def test_an_arrow_points_from_the_control_to_the_treated_data_set(figures: PrettyFigures) -> None:
    (arrow,) = figures.main.layout["annotations"]
    base, curated = figures.main.data[1], figures.main.data[2]
    assert ([arrow["ax"]], [arrow["ay"]]) == (base["x"], base["y"])
    assert ([arrow["x"]], [arrow["y"]]) == (curated["x"], curated["y"])
    assert arrow["showarrow"]
    assert "from base to curated prettiness 0.90 [" in figures.main.alt


def test_the_description_has_every_value(figures: PrettyFigures) -> None:
    assert "base prettiness -0.30 [" in figures.main.alt
    assert "real prettiness 0.020 [" in figures.main.alt or "real prettiness 0.02 [" in figures.main.alt


def test_both_measurements_by_release_where_it_is_known(make: Make, figures: PrettyFigures) -> None:
    assert figures.release is not None
    assert [(trace["yaxis"], trace["x"]) for trace in figures.release.data] == [
        (panel, [RELEASED[name]]) for panel in ("y2", "y") for name in ("base", "curated")
    ]
    assert [trace["y"] for trace in figures.release.data[:2]] == [trace["x"] for trace in figures.main.data[1:3]]
    lines = [(shape["yref"], shape["y0"]) for shape in figures.release.layout["shapes"]]
    assert lines == [("y2", figures.main.data[0]["x"][0]), ("y", figures.main.data[0]["y"][0])]
    same_month = dict.fromkeys(RELEASED, "2024-02")
    assert drawn(make(rates=RATES, prettiness=PRETTINESS, released=same_month)).release is None


def test_without_a_score_of_the_real_images_there_is_no_reference(make: Make) -> None:
    main = drawn(make(prettiness={"base": 0.1, "curated": 0.5})).main
    assert len(main.data) == 2
    assert main.layout["shapes"] == []


def test_many_data_sets_are_not_all_labelled(make: Make) -> None:
    changed: dict[str, Any] = {f"part{i}": {"of": "set0", "drop": "labels"} for i in range(10)}
    names = ["real", *(f"set{i}" for i in range(6)), *changed]
    many = make(
        rates={name: 0.05 * i for i, name in enumerate(names)},
        prettiness={name: 0.1 * i for i, name in enumerate(names)},
        changed=changed,
        seeds=(0,),
    )
    labelled = [trace["text"][0] for trace in drawn(many).main.data if "text" in trace]
    assert labelled == ["real images", *(f"set{i}" for i in range(6))]


def test_names_are_shown_as_they_are(make: Make) -> None:
    name = "<b>x</b>"
    summary = make(rates={"real": 0.9, "base": 0.6, "other": 0.4}, prettiness={"base": 0.1, "other": 0.5})
    rows = [replace(row, dataset=name) if row.dataset == "base" else row for row in summary.rows]
    datasets = [d.model_copy(update={"name": name}) if d.name == "base" else d for d in summary.datasets]
    hostile = replace(summary, rows=tuple(rows), datasets=tuple(datasets), comparisons=())
    assert name not in json.dumps(drawn(hostile).main.data)


def test_the_page_begins_with_the_figure_and_its_sentence(summary: Summary, small: Summary) -> None:
    html = render(summary)
    order = [html.index(text) for text in ("cannot show whether", 'id="pretty-useful"', 'class="lead"')]
    assert order == sorted(order)
    assert html.index('id="pretty-useful"') < html.index('id="pretty-release"') < html.index('id="published-geneval"')
    assert "Published, not measured here" in html[: html.index('id="published-geneval"')]
    without = render(small)
    assert "published-geneval" not in without
    assert 'id="pretty-useful"' not in without


def test_measured_and_published_values_share_no_figure(figures: PrettyFigures) -> None:
    models = {name for name, _ in published().geneval}
    assert figures.release is not None
    assert not any(model in json.dumps([f.data, f.layout]) for f in (figures.main, figures.release) for model in models)
