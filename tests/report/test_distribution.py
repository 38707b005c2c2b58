from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.names import list_names
from prettyuseful.report.build import render
from prettyuseful.report.distribution import summarise_distribution
from prettyuseful.report.series_style import series_styles

Make = Callable[..., Summary]


def test_every_metric_has_a_title_and_a_description(make: Make) -> None:
    names = list(list_names("metrics"))
    summary = make(metrics=names)
    distribution = summarise_distribution(summary, series_styles(summary))
    assert distribution is not None
    assert [metric.name for metric in distribution.metrics] == names
    assert all(metric.title != metric.name and metric.words for metric in distribution.metrics)


def test_each_encoder_has_a_table_with_the_controls_first(make: Make) -> None:
    summary = make(metrics=("density", "coverage", "frechet"), encoders=("real-trained", "clip-vit-b-32"))
    distribution = summarise_distribution(summary, series_styles(summary))
    assert distribution is not None
    assert [table.encoder for table in distribution.tables] == ["real-trained", "clip-vit-b-32"]
    for table in distribution.tables:
        assert [row.title for row in table.rows] == [
            "real: other half of the test images",
            "real: train images",
            "base",
            "curated",
        ]
        assert [row.control for row in table.rows] == [True, True, False, False]
        assert all(measure and measure.reencoded for row in table.rows for measure in row.measures)
        assert table.sides == (8,)
        assert table.format_may_explain  # re-encoding halves the made-up Fréchet distances
        assert table.description == f"description of {table.encoder}; k = 5; 20 images per class on both sides"
    assert distribution.encoder == "real-trained"
    assert distribution.figure is not None


def test_table_without_plot_and_nothing_without_metrics(make: Make) -> None:
    summary = make(metrics=("kid",))
    distribution = summarise_distribution(summary, series_styles(summary))
    assert distribution is not None
    assert distribution.figure is None
    assert [metric.title for metric in distribution.metrics] == ["KID"]
    page = render(summary)
    assert "KID" in page
    assert "the file format may explain part of this value" in page
    empty = make(metrics=())
    assert summarise_distribution(empty, series_styles(empty)) is None


def test_overlapping_intervals_have_no_mark(make: Make) -> None:
    assert "the file format may explain part of this value" not in render(make(metrics=("density", "coverage")))


def test_metrics_of_different_numbers_of_images_say_the_number(make: Make) -> None:
    summary = make(metrics=("density", "kid"))
    assert not summary.metrics_of_different_numbers
    assert ">n = " not in render(summary)
    rows = tuple(
        replace(row, distribution=tuple(replace(m, images_per_class=ClassCounts([5, 7])) for m in row.distribution))
        if row.dataset == "base"
        else row
        for row in summary.rows
    )
    changed = replace(summary, rows=rows)
    distribution = summarise_distribution(changed, series_styles(changed))
    assert distribution is not None
    assert [table.of_different_numbers for table in distribution.tables] == [{"density"}]  # KID is unbiased
    assert changed.metrics_of_different_numbers == {"density"}
    page = render(changed)
    assert page.count(">n = 5 to 7") == 2  # in the table of results and in that of metrics
    assert page.count(">n = 20") == 2 + 3  # the other two sets in both, and real train images
    assert "compare a value only with the control of the same n" in page


def test_each_score_has_a_table_with_its_metrics(make: Make) -> None:
    names = ["density", *(f"{score}{end}" for score in ("contrast", "exposure") for end in ("", "-auc", "-spread"))]
    summary = make(metrics=names)
    distribution = summarise_distribution(summary, series_styles(summary))
    assert distribution is not None
    assert [table.title for table in distribution.tables] == [
        "Metrics by real-trained",
        "Score of single images: contrast",
        "Score of single images: exposure",
    ]
    assert [[metric.name for metric in table.metrics] for table in distribution.tables] == [
        names[:1],
        names[1:4],
        names[4:],
    ]
    assert all(measure for table in distribution.tables for row in table.rows for measure in row.measures)
    assert "Contrast: spread, ratio to real" in render(summary)


def test_a_score_has_a_table_of_its_classes(make: Make) -> None:
    summary = make(metrics=("exposure", "density"))
    distribution = summarise_distribution(summary, series_styles(summary))
    assert distribution is not None
    of_features, of_score = sorted(distribution.tables, key=lambda table: table.score is not None)
    assert of_features.by_class == ()
    names = summary.study.task.classes
    assert [(row.style.label, row.class_name) for row in of_score.by_class] == [
        (label, name) for label in ("base", "curated") for name in names
    ]
    assert all(value and value.low <= value.mean <= value.high for row in of_score.by_class for value in row.values)
    assert "Score of single images: exposure, by class" in render(summary)
