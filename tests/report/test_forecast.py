"""The forecast section: a line for every data set, and what the records say is in the page."""

from __future__ import annotations

from tests.made_up import made_up_summary

from prettyuseful.analysis.summary import Summary
from prettyuseful.records import ForecastRecord
from prettyuseful.report.build import render
from prettyuseful.report.forecast import forecast_section
from prettyuseful.report.series_style import series_styles

RATES = {"real": 0.9, **{f"set-{index:02}": 0.3 + 0.5 * index / 14 for index in range(14)}}
FIRST = [f"set-{index:02}" for index in (0, 3, 5, 8, 11, 13)]


def summary(best: list[str]) -> Summary:
    return made_up_summary(rates=RATES, forecast=ForecastRecord(first=FIRST, best=best), sample_images=0)


def test_every_data_set_has_a_line_with_what_is_known_of_it() -> None:
    shown = summary(["set-12", "set-10"])
    section = forecast_section(shown, series_styles(shown))
    assert section is not None
    lines = {line.style.label: line for line in section.lines}
    assert set(lines) == set(RATES) - {"real"}
    assert [line.mean for line in section.lines] == sorted((line.mean for line in section.lines), reverse=True)
    assert lines["set-00"].forecast is None
    assert lines["set-00"].measured is not None
    assert lines["set-12"].forecast is not None
    assert lines["set-12"].measured is not None
    assert lines["set-01"].measured is None
    assert section.main is not None
    assert len(section.main.layout["yaxis"]["ticktext"]) == 14
    assert section.main.layout["yaxis"]["ticktext"][-1] == section.lines[0].style.label
    assert len(section.main.data) == 14 + 2


def test_the_page_has_the_sentences_and_lists_no_untrained_data_set_as_unfinished() -> None:
    page = render(summary([]))
    assert '<section id="forecast">' in page
    assert "The accuracy of 8 data sets is forecast from 6 that were trained." in page
    assert "No complete run" not in page
    assert "This study is not complete" not in page


def test_a_refusal_has_correlations_and_no_figure_of_forecasts() -> None:
    shown = summary([])
    flat = {name: 0.5 + 0.02 * (index % 2) for index, name in enumerate(RATES)}
    refused = made_up_summary(rates=flat, forecast=ForecastRecord(first=FIRST), sample_images=0)
    section = forecast_section(refused, series_styles(refused))
    assert section is not None
    assert section.result.refused is not None
    assert section.main is None
    assert section.correlations is not None or not section.predictors
    assert "There is no forecast" in render(refused)
    assert forecast_section(shown, series_styles(shown)) is not None


def test_a_study_that_trains_all_has_no_section() -> None:
    assert 'id="forecast"' not in render(made_up_summary(sample_images=0))
