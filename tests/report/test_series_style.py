from __future__ import annotations

from dataclasses import replace

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.report.series_style import SeriesStyle, series_styles

from .conftest import Make


def test_real_images_are_neutral_and_other_styles_follow_the_study(make: Make) -> None:
    styles = series_styles(make(rates={"real": 0.9, "zebra": 0.5, "ape": 0.4}))
    ten = ClassCounts(10)
    assert [*styles] == [("real", ten), ("zebra", ten), ("ape", ten)]
    assert styles["real", ten] == SeriesStyle("real", "real", "diamond")
    assert styles["zebra", ten].color == "series-0"
    assert styles["ape", ten].color == "series-1"


def test_real_images_in_several_sizes_have_different_labels(make: Make) -> None:
    summary = make(rates={"real": 0.9, "zebra": 0.5, "ape": 0.4})
    counts = {"zebra": ClassCounts([9, 2]), "ape": ClassCounts([2, 9])}
    [real] = (dataset for dataset in summary.datasets if dataset.control)
    sets = [
        dataset.model_copy(update={"images_per_class": counts.get(dataset.name, ClassCounts(10))})
        for dataset in summary.datasets
    ]
    sets += [real.model_copy(update={"images_per_class": n}) for n in counts.values()]
    styles = series_styles(replace(summary, datasets=tuple(sets)))
    assert [style.label for (name, _), style in styles.items() if name == "real"] == [
        "real (10 per class)",
        "real (2 to 9 per class, as zebra)",
        "real (2 to 9 per class, as ape)",
    ]


def test_forty_data_sets_differ_in_colour_or_symbol(make: Make) -> None:
    rates = {f"set{i}": 0.5 for i in range(40)}
    styles = series_styles(make(rates=rates, classes=("one", "two"), seeds=(0,), sample_images=0, metrics=()))
    assert len({(style.color, style.symbol) for style in styles.values()}) == 40


def test_long_names_keep_both_ends() -> None:
    style = SeriesStyle("base-strongly-guided-with-captions-number-7", "series-0", "circle")
    assert len(style.short_label) < len(style.long_label) <= 30
    assert style.short_label.startswith("base")
    assert style.short_label.endswith("number-7")
