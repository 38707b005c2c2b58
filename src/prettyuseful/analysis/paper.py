"""Trend tests of the paper's published values, as far as one run per data point allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from prettyuseful.analysis.published import published
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.trend import LeftOut, Trend, trend_test
from prettyuseful.formatting import p_value
from prettyuseful.generators.model_rows import MODELS

SOURCE = "arXiv 2602.19946, figures 1, 3, 5 and 6, digitised"
ARCHITECTURE = "resnet50"
"""The only classifier whose accuracies can be read from the figures for each generator."""
_FEW_STEPS = 8
"""A few-step model is one that the paper sampled in at most this many steps; it used about four or about fifty."""
_PROMPTS = ("class-name", "caption")
_ACCURACIES = ("synth_to_real", "real_to_synth")
_NAMES = {"synth_to_real": "Synth->Real", "real_to_synth": "Real->Synth", "geneval": "GenEval"}
_COLUMNS = ("outcome", "prompts", "against", "models", "rho", "p", "Holm", "family p", "leave-one-out p", "slope (95%)")
_NOTES = (
    "Every point is a single run without a seed or an interval: p measures how unusual this order of the models is, "
    "not how precisely the value of a model is known.",
    "Accuracies are those of ResNet-50: the figures give no value per model for the other three architectures.",
    "post hoc: without the few-step models. This subset was chosen after the values were known, so its p is not a "
    "pre-registered test.",
    "p: two-sided permutation test of Spearman's rho. A star means that there are too few points for p < 0.05 in any "
    "order. Holm: adjusted for all testable trends over all models. family p: release dates are permuted between whole "
    "model families.",
    "leave-one-out p: the smallest and the largest p when one model is left out; in parentheses, the model whose "
    "removal gives the largest p.",
    "slope: Theil-Sen, per year or per unit of GenEval.",
)

Against = Literal["release", "geneval"]
Points = Mapping[str, tuple[float, float]]
"""For each model: its release date (year) or GenEval score, and the outcome."""


@dataclass(frozen=True)
class PaperTrend:
    """The trend of one outcome of `models` over their release date (in years) or their GenEval score (0-1).

    `outcome`: synth_to_real or real_to_synth (accuracies, 0-1), density, coverage or geneval. `prompts`: class-name or
    caption; None for GenEval, which has its own prompts. `architecture`: of the classifier; None without one.
    `post_hoc`: few-step models are excluded. `holm_p`: Holm-adjusted over all testable trends that include all models;
    None for the others.
    """

    outcome: str
    prompts: str | None
    against: Against
    architecture: str | None
    models: tuple[str, ...]
    post_hoc: bool
    trend: Trend
    holm_p: float | None = None

    @property
    def testable(self) -> bool:
        """Whether there are enough points for a significant p-value."""
        return self.trend.least_p <= 1 - self.trend.level

    def left_out(self, point: LeftOut) -> str:
        """Return the name of the model that is left out at `point`."""
        return self.models[point.index]


@dataclass(frozen=True)
class PaperResult:
    """All trends of the published values; `notes` explain the table."""

    trends: tuple[PaperTrend, ...]
    notes: tuple[str, ...] = _NOTES

    def as_json(self) -> dict[str, Any]:
        """Return JSON data; models that are left out are given by name. Slopes: per year, or per unit of GenEval."""
        return {
            "schema_version": 1,
            "published": True,
            "source": SOURCE,
            "trends": [_as_json(paper_trend) for paper_trend in self.trends],
            "notes": list(self.notes),
        }

    def text_lines(self) -> list[str]:
        """Return a plain-text table, followed by the notes."""
        table = [_COLUMNS, *map(_table_row, self.trends)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        return [f"Published values ({SOURCE}); nothing was measured here.", "", *lines, "", *self.notes]


def paper_trends() -> PaperResult:
    """Test every trend in the published values: over all models, then without few-step models if there are any.

    Release dates come from the table of generators. Takes a few seconds.
    """
    trends = [paper_trend for series in _series() for paper_trend in _trends_of(*series)]
    testable = [i for i, paper_trend in enumerate(trends) if paper_trend.testable and not paper_trend.post_hoc]
    adjusted = dict(zip(testable, holm([trends[i].trend.p for i in testable]), strict=True))
    return PaperResult(tuple(replace(paper_trend, holm_p=adjusted.get(i)) for i, paper_trend in enumerate(trends)))


def _series() -> Iterator[tuple[str, str | None, Against, Points]]:
    """Yield every published outcome and prompt strategy with the points of its trend."""
    paper = published()
    for prompts in _PROMPTS:
        transfers = [transfer for transfer in paper.generated if transfer.prompts == prompts]
        distributions = [distribution for distribution in paper.distributions if distribution.prompts == prompts]
        for outcome in _ACCURACIES:
            yield outcome, prompts, "release", _by_release((t.model, getattr(t, outcome)) for t in transfers)
        for outcome in ("density", "coverage"):
            yield outcome, prompts, "release", _by_release((d.model, getattr(d, outcome)) for d in distributions)
    yield "geneval", None, "release", _by_release(paper.geneval)
    for outcome in _ACCURACIES:
        of_model = {t.model: getattr(t, outcome) for t in paper.generated if t.prompts == "class-name"}
        yield outcome, "class-name", "geneval", {model: (score, of_model[model]) for model, score in paper.geneval}


def _by_release(values: Iterable[tuple[str, float]]) -> Points:
    return {model: (_release_year(model), value) for model, value in values}


def _trends_of(outcome: str, prompts: str | None, against: Against, points: Points) -> Iterator[PaperTrend]:
    all_models = tuple(points)
    many_step_models = tuple(name for name in points if not _is_few_step(name))
    for models in dict.fromkeys((all_models, many_step_models)):
        dates, values = zip(*(points[name] for name in models), strict=True)
        yield PaperTrend(
            outcome=outcome,
            prompts=prompts,
            against=against,
            architecture=ARCHITECTURE if outcome in _ACCURACIES else None,
            models=models,
            post_hoc=models != all_models,
            trend=trend_test(dates, values, [MODELS[name].family for name in models]),
        )


def _release_year(name: str) -> float:
    year, month = (MODELS[name].released or "").split("-")
    return int(year) + (int(month) - 1) / 12


def _is_few_step(name: str) -> bool:
    paper = MODELS[name].paper
    return paper is not None and (paper.steps or 0) <= _FEW_STEPS


def _as_json(paper_trend: PaperTrend) -> dict[str, Any]:
    left_out = [
        {"model": paper_trend.left_out(point), "rho": point.rho, "p": point.p} for point in paper_trend.trend.left_out
    ]
    fields = asdict(paper_trend)
    return fields | {"testable": paper_trend.testable, "trend": fields["trend"] | {"left_out": left_out}}


def _table_row(paper_trend: PaperTrend) -> tuple[str, ...]:
    trend = paper_trend.trend
    smallest, largest = trend.least_fragile, trend.most_fragile
    slope = "" if trend.slope_interval is None else " [{:+.3f}, {:+.3f}]".format(*trend.slope_interval)
    return (
        _NAMES.get(paper_trend.outcome, paper_trend.outcome),
        paper_trend.prompts or "",
        _NAMES.get(paper_trend.against, paper_trend.against),
        f"{trend.n}, post hoc" if paper_trend.post_hoc else f"all {trend.n}",
        f"{trend.rho:+.3f}",
        p_value(trend.p) + ("" if paper_trend.testable else "*"),
        "" if paper_trend.holm_p is None else p_value(paper_trend.holm_p),
        "" if trend.family_p is None else p_value(trend.family_p),
        f"{p_value(smallest.p)} to {p_value(largest.p)} ({paper_trend.left_out(largest)})",
        f"{trend.slope:+.3f}{slope}",
    )
