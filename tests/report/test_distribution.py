from __future__ import annotations

from collections.abc import Callable

from prettyuseful.analysis.summary import Summary
from prettyuseful.names import names_of
from prettyuseful.report.build import render
from prettyuseful.report.distribution import distribution_of
from prettyuseful.report.series_style import looks_of

Make = Callable[..., Summary]


def test_every_metric_has_a_title_and_words(make: Make) -> None:
    names = list(names_of("metrics"))
    summary = make(metrics=names)
    found = distribution_of(summary, looks_of(summary))
    assert found is not None
    assert [metric.name for metric in found.metrics] == names
    assert all(metric.title != metric.name and metric.words for metric in found.metrics)


def test_a_table_for_each_encoder_with_the_controls_first(make: Make) -> None:
    summary = make(metrics=("density", "coverage", "frechet"), encoders=("real-trained", "clip-vit-b-32"))
    found = distribution_of(summary, looks_of(summary))
    assert found is not None
    assert [table.encoder for table in found.tables] == ["real-trained", "clip-vit-b-32"]
    for table in found.tables:
        assert [line.title for line in table.lines] == [
            "real, other test images",
            "real, train images",
            "base",
            "curated",
        ]
        assert [line.control for line in table.lines] == [True, True, False, False]
        assert all(one and one.reencoded for line in table.lines for one in line.found)
        assert table.sides == (8,)
        assert table.marked  # the made-up Fréchet distances halve
        assert table.about == f"what {table.encoder} is; k = 5; 20 images per class on either side"
    assert found.encoder == "real-trained"
    assert found.figure is not None


def test_there_is_a_table_without_a_plot_and_nothing_without_metrics(make: Make) -> None:
    summary = make(metrics=("kid",))
    found = distribution_of(summary, looks_of(summary))
    assert found is not None
    assert found.figure is None
    assert [metric.title for metric in found.metrics] == ["KID"]
    page = render(summary)
    assert "KID" in page
    assert "file format may explain this" in page
    empty = make(metrics=())
    assert distribution_of(empty, looks_of(empty)) is None


def test_where_nothing_is_apart_there_is_no_mark(make: Make) -> None:
    assert "file format may explain this" not in render(make(metrics=("density", "coverage")))
