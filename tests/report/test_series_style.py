from __future__ import annotations

from prettyuseful.report.series_style import SeriesStyle, series_styles

from .conftest import Make


def test_real_images_are_neutral_and_other_styles_follow_the_study(make: Make) -> None:
    styles = series_styles(make(rates={"real": 0.9, "zebra": 0.5, "ape": 0.4}))
    assert [*styles] == [("real", 10), ("zebra", 10), ("ape", 10)]
    assert styles["real", 10] == SeriesStyle("real", "real", "diamond")
    assert styles["zebra", 10].color == "series-0"
    assert styles["ape", 10].color == "series-1"


def test_forty_data_sets_differ_in_colour_or_symbol(make: Make) -> None:
    rates = {f"set{i}": 0.5 for i in range(40)}
    styles = series_styles(make(rates=rates, classes=("one", "two"), seeds=(0,), sample_images=0, metrics=()))
    assert len({(style.color, style.symbol) for style in styles.values()}) == 40


def test_long_names_keep_both_ends() -> None:
    style = SeriesStyle("base-strongly-guided-with-captions-number-7", "series-0", "circle")
    assert len(style.short_label) < len(style.long_label) <= 30
    assert style.short_label.startswith("base")
    assert style.short_label.endswith("number-7")
