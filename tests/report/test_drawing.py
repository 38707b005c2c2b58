from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.analysis.statistics import Interval
from prettyuseful.report.drawing import (
    annotation,
    axis,
    axis_range,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    months_of,
    point_labels,
    release_axis,
    scatter,
    series_marker,
    transfer_layout,
)
from prettyuseful.report.series_style import SeriesStyle


@pytest.mark.parametrize(
    ("values", "ends"), [([0.31, 0.59], (0.2, 0.7)), ([], (0.0, 0.1)), ([1.0, 1.0], (0.9, 1.0)), ([0.0], (0.0, 0.1))]
)
def test_axis_ends_are_tenths_around_the_values(values: list[float], ends: tuple[float, float]) -> None:
    assert axis_range(values) == pytest.approx(ends)


@given(st.lists(st.floats(0, 1), min_size=1), st.integers(1, 20))
def test_axis_encloses_the_values_within_0_and_1(values: list[float], steps: int) -> None:
    low, high = axis_range(values, steps, margin=0.2)
    assert 0 <= low < high <= 1
    assert low <= min(values) + 1e-9
    assert high >= max(values) - 1e-9
    assert (low * steps, high * steps) == pytest.approx((round(low * steps), round(high * steps)))


def test_error_bar_reaches_from_the_mean_to_both_ends() -> None:
    bar = error_bar(Interval(0.5, 0.4, 0.7, 0.95, "seeds"), "real")
    assert bar["array"] == pytest.approx([0.2])
    assert bar["arrayminus"] == pytest.approx([0.1])
    assert (bar["symmetric"], bar["color"]) == (False, "@real")


def test_names_are_escaped() -> None:
    assert hover_text("<i>", "a & b", "c") == "<b>&lt;i&gt;</b><br>a &amp; b<br>c"
    assert point_labels(["<i>"], ["top center"])["text"] == ["&lt;i&gt;"]


def test_scatter_is_valid_json() -> None:
    trace = scatter((0.1, 0.2), (0.3, 0.4), {"size": 3})
    assert json.loads(json.dumps(trace)) == trace
    assert (trace["x"], trace["y"], trace["marker"]) == ([0.1, 0.2], [0.3, 0.4], {"size": 3})


def test_marker_has_the_style_of_its_data_set() -> None:
    marker = series_marker(SeriesStyle("base", "series-0", "circle"), [0.1], [0.2], size=9)["marker"]
    assert (marker["symbol"], marker["color"], marker["size"]) == ("circle", "@series-0", 9)


def test_options_are_added_to_layout_axis_line_and_annotation() -> None:
    assert figure_layout(300, showlegend=True)["showlegend"] is True
    assert figure_layout(300)["height"] == 300
    assert axis("x", (0, 1), tickformat=".0%")["tickformat"] == ".0%"
    assert axis("x", (0, 1))["range"] == [0, 1]
    assert line_shape("@real", x0=1)["x0"] == 1
    assert annotation("words", y=3)["y"] == 3


def test_transfer_axes_share_one_scale_and_a_diagonal() -> None:
    layout = transfer_layout((0.2, 0.7))
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"] == [0.2, 0.7]
    (diagonal,) = layout["shapes"]
    assert [diagonal[end] for end in ("x0", "y0", "x1", "y1")] == [0.2, 0.2, 0.7, 0.7]


def test_release_axis_ends_at_months() -> None:
    first, last = months_of("2023-11"), months_of("2024-02")
    assert last - first == 3
    dates = release_axis("release", first - 1, last + 11)
    assert dates["range"] == ["2023-10", "2025-01"]
    assert dates["type"] == "date"
