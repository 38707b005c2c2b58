from __future__ import annotations

from prettyuseful.report.label_positions import text_positions

SIZE = (400.0, 400.0)


def test_label_stays_inside_the_plot() -> None:
    assert "left" in text_positions([(0.99, 0.5)], ["a long label"], SIZE)[0]
    assert "right" in text_positions([(0.01, 0.5)], ["a long label"], SIZE)[0]


def test_labels_of_adjacent_points_do_not_overlap() -> None:
    first, second = text_positions([(0.48, 0.5), (0.52, 0.5)], ["first", "second"], SIZE)
    assert first != second
    assert first != "middle right"


def test_label_avoids_its_own_interval_bars() -> None:
    [position] = text_positions([(0.5, 0.5)], ["label"], SIZE, bars=[(0.3, 0.7, 0.3, 0.7)])
    assert position not in ("middle right", "middle left", "top center", "bottom center")
