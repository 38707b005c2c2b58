from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.analysis.statistics import Interval
from prettyuseful.report.drawing import (
    around,
    axis,
    bar,
    figure_layout,
    hover_text,
    line,
    marker,
    note,
    points,
    text,
    transfer_layout,
)
from prettyuseful.report.series_style import Look


@pytest.mark.parametrize(
    ("values", "ends"), [([0.31, 0.59], (0.2, 0.7)), ([], (0.0, 0.1)), ([1.0, 1.0], (0.9, 1.0)), ([0.0], (0.0, 0.1))]
)
def test_ends_are_full_tenths_around_the_values(values: list[float], ends: tuple[float, float]) -> None:
    assert around(values) == pytest.approx(ends)


@given(st.lists(st.floats(0, 1), min_size=1), st.integers(1, 20))
def test_ends_enclose_the_values_within_the_whole_scale(values: list[float], steps: int) -> None:
    low, high = around(values, steps, spare=0.2)
    assert 0 <= low < high <= 1
    assert low <= min(values) + 1e-9
    assert high >= max(values) - 1e-9
    assert (low * steps, high * steps) == pytest.approx((round(low * steps), round(high * steps)))


def test_a_bar_reaches_from_the_mean_to_both_ends() -> None:
    drawn = bar(Interval(0.5, 0.4, 0.7, 0.95, "seeds"), "real")
    assert drawn["array"] == pytest.approx([0.2])
    assert drawn["arrayminus"] == pytest.approx([0.1])
    assert (drawn["symmetric"], drawn["color"]) == (False, "@real")


def test_names_cannot_bring_markup_into_what_is_shown() -> None:
    assert hover_text("<i>", "a & b", "c") == "<b>&lt;i&gt;</b><br>a &amp; b<br>c"
    assert text(["<i>"], ["top center"])["text"] == ["&lt;i&gt;"]


def test_points_are_lists_that_json_can_hold() -> None:
    drawn = points((0.1, 0.2), (0.3, 0.4), {"size": 3})
    assert json.loads(json.dumps(drawn)) == drawn
    assert (drawn["x"], drawn["y"], drawn["marker"]) == ([0.1, 0.2], [0.3, 0.4], {"size": 3})


def test_a_marker_looks_as_its_data_set_does() -> None:
    drawn = marker(Look("base", "series-0", "circle"), [0.1], [0.2], size=9)["marker"]
    assert (drawn["symbol"], drawn["color"], drawn["size"]) == ("circle", "@series-0", 9)


def test_more_fields_are_added_to_a_layout_an_axis_a_line_and_a_note() -> None:
    assert figure_layout(300, showlegend=True)["showlegend"] is True
    assert figure_layout(300)["height"] == 300
    assert axis("x", (0, 1), tickformat=".0%")["tickformat"] == ".0%"
    assert axis("x", (0, 1))["range"] == [0, 1]
    assert line("@real", x0=1)["x0"] == 1
    assert note("words", y=3)["y"] == 3


def test_both_directions_of_transfer_are_drawn_on_one_scale_with_its_diagonal() -> None:
    layout = transfer_layout((0.2, 0.7))
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"] == [0.2, 0.7]
    (diagonal,) = layout["shapes"]
    assert [diagonal[end] for end in ("x0", "y0", "x1", "y1")] == [0.2, 0.2, 0.7, 0.7]
