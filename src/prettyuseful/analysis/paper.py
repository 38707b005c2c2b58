"""The trends of the paper's published values: what was plotted, with the tests that one run per point allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from prettyuseful.analysis.published import published
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.trend import LeftOut, Trend, trend
from prettyuseful.generators.models import MODELS

SOURCE = "arXiv 2602.19946, figures 1, 3, 5 and 6, digitised"
ARCHITECTURE = "resnet50"
"""The only classifier whose accuracies can be read from the figures model by model."""
_FEW_STEPS = 8
"""A model that the paper sampled in at most so many steps is a few-step model: it used four, or fifty."""
_PROMPTS = ("class-name", "caption")
_ACCURACIES = ("synth_to_real", "real_to_synth")
_NAMES = {"synth_to_real": "Synth->Real", "real_to_synth": "Real->Synth", "geneval": "GenEval"}
_COLUMNS = ("outcome", "prompts", "against", "models", "rho", "p", "Holm", "family", "without one", "slope (95%)")
_NOTES = (
    "One run per point, so there is no seed and no interval behind any of them: p says how rare such an order of these "
    "models would be, not how surely a model's value is known.",
    "Accuracies are ResNet-50's: for the other three architectures the figures give no value per model.",
    "post hoc: without the few-step models, a choice made after the values had been seen; its p is no test of a plan.",
    "p: by permutation, two-sided; with a star, no order of so few points is rarer than 1 in 20, so there is no test. "
    "Holm: for all trends over all models at once. family: families of models exchange their dates as wholes.",
    "without one: the least and the largest p when one model is left out, and which model that is for the largest.",
    "slope: Theil-Sen, per year or per unit of GenEval.",
)

Against = Literal["release", "geneval"]
Points = Mapping[str, tuple[float, float]]
"""By model: its release or GenEval score, and the outcome."""


@dataclass(frozen=True)
class PaperTrend:
    """One outcome of `models` against their release (in years) or their GenEval score (0-1).

    `outcome`: synth_to_real, real_to_synth (accuracies, 0-1), density, coverage or geneval; `prompts` class-name or
    caption, None for GenEval, which has prompts of its own. `architecture`: of the classifier, None without one.
    `post_hoc`: without few-step models. `holm_p`: p adjusted for all trends over all models that can be tested; None
    for the others.
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
        """Whether any order of so few points could have been significant."""
        return self.trend.least_p <= 1 - self.trend.level

    def left_out(self, point: LeftOut) -> str:
        """Which model `point` is without."""
        return self.models[point.index]


@dataclass(frozen=True)
class PaperResult:
    """All trends of the published values; `notes` say how to read them."""

    trends: tuple[PaperTrend, ...]
    notes: tuple[str, ...] = _NOTES

    def as_json(self) -> dict[str, Any]:
        """Plain data; a model that is left out goes by its name. Slopes are per year, or per unit of GenEval."""
        return {
            "schema_version": 1,
            "published": True,
            "source": SOURCE,
            "trends": [_as_json(found) for found in self.trends],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """A table and the notes, plain text."""
        table = [_COLUMNS, *(_cells(found) for found in self.trends)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        told = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
        return [f"Published values ({SOURCE}), nothing measured here.", "", *told, "", *self.notes]


def paper_trends() -> PaperResult:
    """Tests every trend that the published values allow: all models, then without few-step models if there are any.

    Release dates are those of the generators' table. A few seconds.
    """
    found = [one for series in _series() for one in _tested(*series)]
    together = [i for i, one in enumerate(found) if one.testable and not one.post_hoc]
    adjusted = dict(zip(together, holm([found[i].trend.p for i in together]), strict=True))
    return PaperResult(tuple(replace(one, holm_p=adjusted.get(i)) for i, one in enumerate(found)))


def _series() -> Iterator[tuple[str, str | None, Against, Points]]:
    """Every outcome and prompt strategy that was published, with what it is held against."""
    paper = published()
    for prompts in _PROMPTS:
        transfers = [found for found in paper.generated if found.prompts == prompts]
        distributions = [found for found in paper.distributions if found.prompts == prompts]
        for outcome in _ACCURACIES:
            yield outcome, prompts, "release", _by_release((t.model, getattr(t, outcome)) for t in transfers)
        for outcome in ("density", "coverage"):
            yield outcome, prompts, "release", _by_release((d.model, getattr(d, outcome)) for d in distributions)
    yield "geneval", None, "release", _by_release(paper.geneval)
    for outcome in _ACCURACIES:
        of_model = {t.model: getattr(t, outcome) for t in paper.generated if t.prompts == "class-name"}
        yield outcome, "class-name", "geneval", {model: (score, of_model[model]) for model, score in paper.geneval}


def _by_release(values: Iterable[tuple[str, float]]) -> Points:
    return {model: (_released(model), value) for model, value in values}


def _tested(outcome: str, prompts: str | None, against: Against, points: Points) -> Iterator[PaperTrend]:
    chosen = [tuple(points), tuple(name for name in points if not _few_steps(name))]
    for models in dict.fromkeys(chosen):
        dates, values = zip(*(points[name] for name in models), strict=True)
        yield PaperTrend(
            outcome=outcome,
            prompts=prompts,
            against=against,
            architecture=ARCHITECTURE if outcome in _ACCURACIES else None,
            models=models,
            post_hoc=models != chosen[0],
            trend=trend(dates, values, [MODELS[name].family for name in models]),
        )


def _released(name: str) -> float:
    year, month = (MODELS[name].released or "").split("-")
    return int(year) + (int(month) - 1) / 12


def _few_steps(name: str) -> bool:
    paper = MODELS[name].paper
    return paper is not None and (paper.steps or 0) <= _FEW_STEPS


def _as_json(found: PaperTrend) -> dict[str, Any]:
    left_out = [{"model": found.left_out(point), "rho": point.rho, "p": point.p} for point in found.trend.left_out]
    plain = asdict(found)
    return plain | {"testable": found.testable, "trend": plain["trend"] | {"left_out": left_out}}


def _cells(found: PaperTrend) -> tuple[str, ...]:
    told, least, most = found.trend, found.trend.least_fragile, found.trend.most_fragile
    slope = "" if told.slope_interval is None else " [{:+.3f}, {:+.3f}]".format(*told.slope_interval)
    return (
        _NAMES.get(found.outcome, found.outcome),
        found.prompts or "",
        _NAMES.get(found.against, found.against),
        f"{told.n}, post hoc" if found.post_hoc else f"all {told.n}",
        f"{told.rho:+.3f}",
        _p(told.p) + ("" if found.testable else "*"),
        "" if found.holm_p is None else _p(found.holm_p),
        "" if told.family_p is None else _p(told.family_p),
        f"{_p(least.p)} to {_p(most.p)} ({found.left_out(most)})",
        f"{told.slope:+.3f}{slope}",
    )


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
