from __future__ import annotations

from dataclasses import replace

import pytest

from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.real_sources import SourceComparison
from prettyuseful.analysis.rows import CurvePoint
from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.report.build import render
from prettyuseful.report.real_curve import real_curves
from prettyuseful.report.series_style import series_styles


@pytest.fixture
def with_curve(small: Summary) -> Summary:
    """A summary with a real curve of three points, one data set on it and one below it."""
    (real,) = (row for row in small.rows if row.real)
    assert real.to_real is not None
    ten, accuracies = ClassCounts(10), {n: replace(real.to_real, mean=0.5 + n / 100) for n in (5, 10, 40)}
    curve = tuple(CurvePoint(real.cell, ten, ClassCounts(n), accuracy) for n, accuracy in accuracies.items())
    inside = EffectiveReal(12.0, 7.0, None, "none", 5, 40)
    below = EffectiveReal(5.0, None, 6.0, "below", 5, 40)
    worth = {"base": inside, "curated": below}
    rows = tuple(replace(row, worth=worth.get(row.dataset)) for row in small.rows)
    return replace(small, curve=curve, rows=rows)


def test_no_section_without_a_curve(small: Summary) -> None:
    assert real_curves(small, series_styles(small)) == ()
    assert 'id="effective-images"' not in render(small)


def test_data_sets_are_drawn_where_they_meet_the_curve(with_curve: Summary) -> None:
    (real_curve,) = real_curves(with_curve, series_styles(with_curve))
    assert [row.dataset for row in real_curve.rows] == ["base", "curated"]
    curve, inside, below = real_curve.figure.data
    assert curve["x"] == [5, 10, 40]
    assert (inside["x"], inside["error_x"]["arrayminus"], inside["error_x"]["array"]) == ([12.0], [5.0], [28.0])
    assert (below["x"], below["error_x"]["arrayminus"], below["error_x"]["array"]) == ([5.0], [0.0], [1.0])
    assert "base: about 12 [7, more than 40]" in real_curve.figure.alt
    page = render(with_curve)
    assert "about 12 [7, more than 40]" in page
    assert "less useful than 5, the smallest number tried (upper bound 6)" in page


def test_the_real_images_that_a_data_set_is_made_from_are_columns(with_curve: Summary) -> None:
    assert "Made from real images per class" not in render(with_curve)
    (real,) = (row for row in with_curve.rows if row.real)
    assert real.to_real is not None
    difference = replace(real.to_real, mean=-0.1, low=-0.15, high=-0.05)
    compared = SourceComparison("base", real.cell, ClassCounts(5), real.to_real, difference, 0.01)
    page = render(replace(with_curve, sources=(compared,)))
    assert page.count("Made from real images per class") == 1
    assert '<td>5</td><td><span class="estimate">-10.0 points</span> <span class="range">[-15.0, -5.0]</span>' in page
