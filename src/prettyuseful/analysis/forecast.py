"""Forecast the accuracy of data sets that were not trained, from those that were and from predictors of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from prettyuseful.analysis.forecast_model import ForecastModel, Predictions, representatives
from prettyuseful.analysis.predictors import Predictor, predictors_of
from prettyuseful.analysis.rank_correlation import RankCorrelation, rank_correlation
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.errors import DataError
from prettyuseful.formatting import number, p_value, percent
from prettyuseful.records import ForecastRecord, MetricRecord

LEVEL = 0.9
"""Of prediction intervals."""
FEWEST_FIRST = 6
"""With fewer trained data sets, nothing can be learnt."""
SAVING = 5
"""By default, a forecast trains one data set of this many, but at least `FEWEST_FIRST`."""
_SIGNIFICANT = 0.05
_MOST_MISSING = 0.2
_LEAST_ACCURACY = 0.002
_COVERS = "what measuring the accuracy of this data set would give: the part that the predictors do not explain, its "
_COVERS += "training seeds and the test images"


@dataclass(frozen=True)
class Measured:
    """The predictors of the data sets that can be forecast: `values` (N, p), on the scales on which they predict.

    `left_out`: a sentence for each data set that cannot be forecast.
    """

    datasets: tuple[str, ...]
    predictors: tuple[Predictor, ...]
    values: np.ndarray
    left_out: tuple[str, ...] = ()

    def first(self, count: int | None) -> list[str]:
        """Return the data sets to train first, by default one of `SAVING`; those of a smaller `count` come first.

        Raises:
            DataError: see `check_first`; or no predictor differs between data sets.
        """
        check_first(count, len(self.datasets), self.left_out)
        if not self.predictors:
            raise DataError("no predictor is measured on all data sets, or all are equal; add metrics to the study")
        chosen = max(FEWEST_FIRST, len(self.datasets) // SAVING) if count is None else count
        return [self.datasets[index] for index in representatives(self.values, chosen)]


def check_first(count: int | None, datasets: int, left_out: Sequence[str] = ()) -> None:
    """Check the number of data sets that are trained first; None is the default.

    Args:
        count: None for the default.
        datasets: number of data sets that can be forecast.
        left_out: why others cannot, in sentences.

    Raises:
        DataError: there are too few data sets, or `count` is too small or leaves none to forecast.
    """
    if datasets <= FEWEST_FIRST:
        why = f" ({' '.join(left_out)})" if left_out else ""
        raise DataError(
            f"a forecast needs at least {FEWEST_FIRST + 1} data sets without real images, of which {FEWEST_FIRST} are "
            f"trained, but the study has {datasets}{why}; add data sets, or train all of them with `prettyuseful run`"
        )
    if count is not None and not FEWEST_FIRST <= count < datasets:
        raise DataError(f"--first is {count}; choose {FEWEST_FIRST} to {datasets - 1} of the {datasets} data sets")


@dataclass(frozen=True)
class Skill:
    """How well the accuracies of the data sets that were trained first are predicted.

    `error`: root mean square error of predicting each of them from the others, in units of accuracy (0-1).
    `mean_error`: that of guessing the mean of the others. `p`: probability that predictors explain the accuracies as
    well by chance, see `ForecastModel.p_value`.
    """

    error: float
    mean_error: float
    p: float

    @property
    def is_significant(self) -> bool:
        """Whether a forecast is better than guessing the mean."""
        return self.p <= _SIGNIFICANT and self.error < self.mean_error

    @property
    def guess(self) -> str:
        """The error of guessing and the p-value, in words."""
        p = f"p {p_value(self.p)}" if self.p < 0.001 else f"p = {p_value(self.p)}"
        return f"{_points(self.mean_error)} of guessing the mean ({p}, permutation test)"


@dataclass(frozen=True)
class PredictorResult:
    """A predictor, and its rank correlation with accuracy over the data sets that were trained first."""

    name: str
    title: str
    correlation: RankCorrelation | None


@dataclass(frozen=True)
class DatasetForecast:
    """The forecast accuracy of a data set (0-1) with its prediction interval; the measured one if it was trained."""

    dataset: str
    forecast: Interval
    measured: Interval | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the measured accuracy lies in the prediction interval; None if it was not trained."""
        return None if self.measured is None else self.forecast.low <= self.measured.mean <= self.forecast.high


@dataclass(frozen=True)
class Forecast:
    """What a study says about data sets that it did not train.

    `first`: measured accuracies of the data sets that were trained to learn from. `predictors`: in the order of
    `prettyuseful list predictors`. `skill`: None if too few data sets were trained. `refused`: why there is no
    forecast, or None. `forecasts`: the highest first; empty if refused. `best`: the data sets that were trained because
    their forecasts were the highest. `left_out`: a sentence for each data set that cannot be forecast.
    """

    first: Mapping[str, Interval]
    predictors: tuple[PredictorResult, ...]
    skill: Skill | None
    refused: str | None
    forecasts: tuple[DatasetForecast, ...]
    best: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def trained_best(self) -> tuple[DatasetForecast, ...]:
        """The data sets that were trained because their forecasts were the highest, in this order."""
        return tuple(part for part in self.forecasts if part.dataset in self.best and part.measured)

    def highest(self, count: int) -> list[str]:
        """Return the names of the data sets with the highest forecasts."""
        return [part.dataset for part in self.forecasts[:count]]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The forecast in sentences: how good it is, what is best, which predictors go with accuracy, who was right."""
        if self.refused or self.skill is None:
            return (self.refused or "", *self._correlation_sentences(), *self.left_out)
        best = self._best_sentences()
        return (self._error_sentence(self.skill), *best, *self._correlation_sentences(), *self.left_out)

    def _error_sentence(self, skill: Skill) -> str:
        return (
            f"The accuracy of {len(self.forecasts)} data sets is forecast from {len(self.first)} that were trained. "
            f"The leave-one-out error of the forecast is {_points(skill.error)}, against {skill.guess}."
        )

    def _best_sentences(self) -> Iterator[str]:
        best, trained = self.forecasts[0], self.trained_best
        yield (
            f"The highest forecast is that of {best.dataset}: {percent(best.forecast)} accuracy on real test images "
            f"({LEVEL:.0%} prediction interval)."
        )
        if not trained:
            return
        inside = sum(part.holds or False for part in trained)
        yield (
            f"Those with the highest forecasts were then trained: {inside} of {len(trained)} measured accuracies lie "
            "within their prediction intervals."
        )
        measured = {part.dataset: part.measured for part in trained if part.measured} | dict(self.first)
        order = sorted(measured, key=lambda name: -measured[name].mean)
        found = order[0]
        which = "one of them" if found in self.best else "one of those that were trained first"
        rank = order.index(trained[0].dataset) + 1
        yield (
            f"The best of all {len(order)} trained data sets is {found}, {which}, with {percent(measured[found])}; "
            f"{trained[0].dataset}, forecast as the best of the others, is number {rank} with "
            f"{percent(measured[trained[0].dataset])}."
        )

    def _correlation_sentences(self) -> Iterator[str]:
        shown = [row for row in self.predictors if row.correlation and row.correlation.excludes_zero]
        for sign, verb in ((1, "rises"), (-1, "falls")):
            rows = [row for row in shown if row.correlation and row.correlation.rho * sign > 0]
            rows.sort(key=lambda row: -abs(row.correlation.rho) if row.correlation else 0.0)
            if rows:
                parts = ", ".join(f"{row.title} ({number(row.correlation)})" for row in rows if row.correlation)
                yield (
                    f"In this task, accuracy {verb} with {parts}: rank correlations over the {len(self.first)} data "
                    "sets that were trained first, each with the 95% interval of a single correlation."
                )
        if self.predictors and not shown:
            yield (
                f"With {len(self.first)} trained data sets, no single predictor has a significant rank correlation "
                "with accuracy."
            )


def measured_sets(rows: Sequence[Row], listed: Iterable[str], metrics: Sequence[MetricRecord]) -> Measured:
    """Return the predictors of the data sets of one grid cell.

    Data sets that contain real images are left out, because classifiers trained on real images cannot be tested on
    them. A predictor that more than a fifth of the others lack is not used, and data sets without one of the used
    predictors are left out.
    """
    generated = [row for row in rows if not row.holds_real]
    left_out = [
        f"{row.dataset} is not forecast, because it contains real images."
        for row in rows
        if row.holds_real and not row.real
    ]
    candidates = predictors_of(listed, metrics)
    table = {predictor.name: np.array([_or_nan(predictor.value(row)) for row in generated]) for predictor in candidates}
    used = [p for p in candidates if np.isnan(table[p.name]).mean() <= _MOST_MISSING and generated]
    complete = [not any(isnan(table[p.name][i]) for p in used) for i in range(len(generated))]
    for row, whole in zip(generated, complete, strict=True):
        if not whole:
            lacking = next(p.title for p in used if p.value(row) is None)
            left_out.append(f"{row.dataset} is not forecast, because it was not measured ({lacking}).")
    chosen = [row.dataset for row, whole in zip(generated, complete, strict=True) if whole]
    columns = {p: p.scaled(table[p.name][complete]) for p in used}
    varied = tuple(p for p, values in columns.items() if len(values) and np.ptp(values) > 0)
    values = np.stack([columns[p] for p in varied], axis=1) if varied else np.empty((len(chosen), 0))
    return Measured(tuple(chosen), varied, values, tuple(left_out))


def make_forecast(measured: Measured, accuracies: Mapping[str, Interval], record: ForecastRecord) -> Forecast:
    """Return the forecast of all data sets that were not trained first.

    The accuracies of the data sets in `record.best` do not change the forecast: they test it.

    Args:
        measured: predictors of all data sets.
        accuracies: measured accuracies (0-1) of data sets that were trained.
        record: which were trained first, and which because their forecasts were the highest.
    """
    known = [name for name in dict.fromkeys(record.first) if name in accuracies and name in measured.datasets]
    first = {name: accuracies[name] for name in known}
    indices = [measured.datasets.index(name) for name in known]
    observed = np.array([accuracies[name].mean for name in known])
    predictors = tuple(_correlations(measured, indices, [accuracies[name] for name in known]))
    common = (tuple(record.best), measured.left_out)
    if len(known) < FEWEST_FIRST or len(set(observed)) < 2:
        why = f"only {len(known)} of the {len(record.first)} data sets to learn from were trained"
        if len(known) >= FEWEST_FIRST:
            why = "all data sets to learn from have the same accuracy"
        return Forecast(first, predictors, None, f"There is no forecast: {why}.", (), *common)
    model = ForecastModel(measured.values)
    skill = skill_of(model, indices, observed)
    if not skill.is_significant:
        more = min(2 * len(known), len(measured.datasets) - 1)
        refused = (
            f"There is no forecast: its leave-one-out error over the {len(known)} data sets that were trained is "
            f"{_points(skill.error)}, not significantly less than the {skill.guess}; train more with --first {more}, "
            "or all with `prettyuseful run`."
        )
        return Forecast(first, predictors, skill, refused, (), *common)
    found = predict_accuracies(model, indices, observed)
    forecasts = [
        DatasetForecast(name, Interval(mean, low, high, LEVEL, _COVERS), accuracies.get(name))
        for name, mean, low, high in zip(measured.datasets, found.mean, found.low, found.high, strict=True)
        if name not in record.first
    ]
    forecasts.sort(key=lambda part: -part.forecast.mean)
    return Forecast(first, predictors, skill, None, tuple(forecasts), *common)


def skill_of(model: ForecastModel, known: Sequence[int], observed: np.ndarray) -> Skill:
    """Return how well the accuracies (n,) of known data sets are predicted from each other."""
    left_out = _accuracy(model.leave_one_out(known, _logit(observed)))
    guess = (observed.sum() - observed) / (len(observed) - 1)
    error, mean_error = (_root_mean_square(observed - predicted) for predicted in (left_out, guess))
    return Skill(error, mean_error, model.p_value(known, _logit(observed)))


def predict_accuracies(model: ForecastModel, known: Sequence[int], observed: np.ndarray) -> Predictions:
    """Return predicted accuracies (N,) of all data sets, from the accuracies (n,) of the known ones."""
    found = model.predict(known, _logit(observed), LEVEL)
    low, high = _accuracy(found.low), _accuracy(found.high)
    # On the logit scale, an accuracy of 0 or 1 stands for everything that is nearer to it than the least accuracy.
    return Predictions(
        _accuracy(found.mean),
        np.where(low <= _LEAST_ACCURACY, 0.0, low),
        np.where(high >= 1 - _LEAST_ACCURACY, 1.0, high),
    )


def _correlations(
    measured: Measured, indices: Sequence[int], accuracies: Sequence[Interval]
) -> Iterator[PredictorResult]:
    y = [interval.mean for interval in accuracies]
    error = float(np.mean([interval.error**2 for interval in accuracies]) ** 0.5) if accuracies else 0.0
    for column, predictor in zip(measured.values.T, measured.predictors, strict=True):
        x = column[list(indices)].tolist()
        varied = len(x) >= FEWEST_FIRST and len(set(x)) > 1 and len(set(y)) > 1
        correlation = rank_correlation(x, y, y_error=error) if varied else None
        yield PredictorResult(predictor.name, predictor.title, correlation)


def _logit(accuracies: np.ndarray) -> np.ndarray:
    clipped = np.clip(accuracies, _LEAST_ACCURACY, 1 - _LEAST_ACCURACY)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _accuracy(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _points(error: float) -> str:
    return f"{100 * error:.1f} points"
