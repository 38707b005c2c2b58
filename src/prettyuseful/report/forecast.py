"""The forecast section of a report: forecast and measured accuracies of all data sets, and what went with accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.forecast import LEVEL, Forecast, PredictorResult
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import number, percent
from prettyuseful.report.drawing import (
    Figure,
    axis,
    axis_range,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    literal,
    scatter,
    series_marker,
)
from prettyuseful.report.series_style import SeriesStyle

_ROW_HEIGHT, _MARGINS = 22, 76  # pixels


@dataclass(frozen=True)
class ForecastLine:
    """A data set in the order of the figure: its forecast accuracy, its measured one, or both."""

    style: SeriesStyle
    forecast: Interval | None
    measured: Interval | None

    @property
    def mean(self) -> float:
        """By which lines are ordered: the forecast, or else the measured accuracy."""
        shown = self.forecast or self.measured
        return shown.mean if shown else 0.0


@dataclass(frozen=True)
class ForecastSection:
    """`main`: None without a forecast. `predictors`: those with a rank correlation. `correlations`: of these."""

    result: Forecast
    level: str
    lines: tuple[ForecastLine, ...]
    main: Figure | None
    predictors: tuple[PredictorResult, ...]
    correlations: Figure | None


def forecast_section(summary: Summary, styles: Mapping[tuple[str, Any], SeriesStyle]) -> ForecastSection | None:
    """Return the section; None for a study in which all data sets are trained."""
    result = summary.forecast
    if result is None:
        return None
    by_name = {name: style for (name, _), style in styles.items()}
    lines = [ForecastLine(by_name[part.dataset], part.forecast, part.measured) for part in result.forecasts]
    lines += [ForecastLine(by_name[name], None, measured) for name, measured in result.first.items()]
    lines.sort(key=lambda line: -line.mean)
    predictors = tuple(predictor for predictor in result.predictors if predictor.correlation)
    return ForecastSection(
        result=result,
        level=f"{LEVEL:.0%}",
        lines=tuple(lines),
        main=_main_figure(lines) if result.forecasts else None,
        predictors=predictors,
        correlations=_correlation_figure(predictors) if predictors else None,
    )


def _main_figure(lines: list[ForecastLine]) -> Figure:
    """Draw one line for each data set, the highest on top: the forecast and its interval, and what was measured."""
    data = [trace for place, line in enumerate(reversed(lines)) for trace in _traces(line, place)]
    intervals = [interval for line in lines for interval in (line.forecast, line.measured) if interval]
    ends = axis_range([end for interval in intervals for end in (interval.low, interval.high)])
    names = [literal(line.style.short_label) for line in reversed(lines)]
    layout = figure_layout(
        height=_ROW_HEIGHT * len(lines) + _MARGINS,
        margin={"l": 150, "r": 16, "t": 12, "b": 54},
        xaxis=axis("accuracy on real test images", ends, tickformat=".0%"),
        yaxis=_names_axis(names),
    )
    values = "; ".join(f"{line.style.label}: {', '.join(_values(line))}" for line in lines)
    return Figure("forecast", f"Forecast and measured accuracies: {values}.", data, layout)


def _traces(line: ForecastLine, place: int) -> Iterator[dict[str, Any]]:
    hover = [hover_text(line.style.label, *_values(line))]
    if line.forecast:
        mark = {"symbol": "line-ns-open", "size": 9, "color": "@muted", "line": {"width": 2, "color": "@muted"}}
        yield {
            **scatter([line.forecast.mean], [place], mark),
            "error_x": error_bar(line.forecast, "muted", thickness=5),
            "hovertext": hover,
        }
    if line.measured:
        yield {
            **series_marker(line.style, [line.measured.mean], [place], size=10),
            "error_x": error_bar(line.measured, line.style.color),
            "hovertext": hover,
        }


def _values(line: ForecastLine) -> list[str]:
    forecast = [f"forecast {percent(line.forecast)}"] if line.forecast else ["trained first"]
    return [*forecast, *([f"measured {percent(line.measured)}"] if line.measured else [])]


def _correlation_figure(predictors: tuple[PredictorResult, ...]) -> Figure:
    """Draw the rank correlation of each predictor with accuracy, with its interval."""
    data = []
    for place, predictor in enumerate(reversed(predictors)):
        assert predictor.correlation is not None
        value = Interval(predictor.correlation.rho, predictor.correlation.low, predictor.correlation.high, 0.95, "")
        color = "ink" if predictor.correlation.excludes_zero else "muted"
        data.append(
            {
                **scatter([value.mean], [place], {"symbol": "circle", "size": 9, "color": f"@{color}"}),
                "error_x": error_bar(value, color),
                "hovertext": [hover_text(predictor.title, f"rank correlation {number(predictor.correlation)}")],
            }
        )
    layout = figure_layout(
        height=_ROW_HEIGHT * len(predictors) + _MARGINS,
        margin={"l": 230, "r": 16, "t": 12, "b": 54},
        xaxis=axis("rank correlation with accuracy", [-1.05, 1.05]),
        yaxis=_names_axis([literal(predictor.title) for predictor in reversed(predictors)]),
        shapes=[line_shape(x0=0, x1=0, y0=0, y1=1, yref="paper", color="@muted", dash="dash")],
    )
    values = "; ".join(f"{part.title} {number(part.correlation)}" for part in predictors if part.correlation)
    return Figure("forecast-correlations", f"Rank correlations with accuracy: {values}.", data, layout)


def _names_axis(names: list[str]) -> dict[str, Any]:
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "showgrid": False}
    return {**axis("", [-0.7, len(names) - 0.3]), **ticks}
