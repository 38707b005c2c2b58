"""Forecasts of a study: what is learnt, refused and said, from made-up results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.made_up import made_up_summary

from prettyuseful.analysis.forecast import (
    FEWEST_FIRST,
    Forecast,
    Measured,
    make_forecast,
    measured_sets,
)
from prettyuseful.analysis.predictors import Predictor
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.errors import DataError
from prettyuseful.records import ForecastRecord

SETS = 40
COVERAGE, RECOGNISED = (Predictor(name, "", name, low=0.0, high=1.0) for name in ("coverage", "real-to-synth"))


def interval(mean: float) -> Interval:
    return Interval(mean, mean - 0.02, mean + 0.02, 0.95, "test images", error=0.01)


def world(seed: int, sign: float, noise: float = 0.1) -> tuple[Measured, dict[str, Interval]]:
    """Accuracy goes with coverage (`sign` 1) or against it (-1), and the other way with Real->Synth."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=SETS)
    values = np.stack([sign * quality, -sign * quality], axis=1) + 0.2 * rng.normal(size=(SETS, 2))
    accuracy = 1 / (1 + np.exp(-(quality + noise * rng.normal(size=SETS))))
    names = tuple(f"set-{index:02}" for index in range(SETS))
    return Measured(names, (COVERAGE, RECOGNISED), values), dict(zip(names, map(interval, accuracy), strict=True))


def forecast(measured: Measured, accuracies: dict[str, Interval], best: int = 0, count: int | None = None) -> Forecast:
    """What a study says that trains the data sets it chooses, and then the best."""
    record = ForecastRecord(first=measured.first(count))
    trained = {name: accuracies[name] for name in record.first}
    found = make_forecast(measured, trained, record)
    if not best:
        return found
    record = ForecastRecord(first=record.first, best=found.highest(best))
    return make_forecast(measured, trained | {name: accuracies[name] for name in record.best}, record)


def correlation(found: Forecast, name: str) -> float:
    row = next(row for row in found.predictors if row.name == name)
    assert row.correlation is not None
    assert row.correlation.excludes_zero
    return row.correlation.rho


def test_one_of_five_is_trained_and_the_others_are_forecast() -> None:
    measured, accuracies = world(0, sign=1)
    found = forecast(measured, accuracies)
    assert found.refused is None
    assert (len(found.first), len(found.forecasts)) == (8, 32)
    means = [part.forecast.mean for part in found.forecasts]
    assert means == sorted(means, reverse=True)
    assert found.skill is not None
    assert found.skill.error < 0.5 * found.skill.mean_error
    best = max(accuracies, key=lambda name: accuracies[name].mean)
    assert best in [*found.first, *found.highest(SETS // 3)]
    assert all(0 < part.forecast.low < part.forecast.mean < part.forecast.high < 1 for part in found.forecasts)


def test_the_sign_of_a_predictor_is_found_in_each_task() -> None:
    for sign in (1, -1):
        found = forecast(*world(1, sign))
        assert correlation(found, "coverage") * sign > 0.6
        assert correlation(found, "real-to-synth") * sign < -0.6
        rises, falls = (s for s in found.sentences if s.startswith("In this task, accuracy"))
        assert rises.startswith(f"In this task, accuracy rises with {'coverage' if sign > 0 else 'real-to-synth'}")
        assert falls.startswith(f"In this task, accuracy falls with {'real-to-synth' if sign > 0 else 'coverage'}")


def test_a_world_of_noise_is_refused() -> None:
    refused = 0
    for seed in range(8):
        measured, accuracies = world(seed, sign=1)
        others = np.random.default_rng(seed).permutation(measured.datasets)
        found = forecast(
            measured, {name: accuracies[other] for name, other in zip(measured.datasets, others, strict=True)}
        )
        refused += found.refused is not None
        assert (found.refused is None) == bool(found.forecasts)
    assert refused >= 6


def test_a_refusal_gives_both_errors_and_what_to_do() -> None:
    measured, accuracies = world(0, sign=1)
    same = dict.fromkeys(accuracies, interval(0.5)) | {name: interval(0.4) for name in measured.datasets[::2]}
    found = forecast(replace(measured, values=np.random.default_rng(3).normal(size=(SETS, 2))), same)
    assert found.refused is not None
    assert found.refused.startswith(
        "There is no forecast: its leave-one-out error over the 8 data sets that were trained"
    )
    assert found.refused.endswith("train more with --first 16, or all with `prettyuseful run`.")
    assert found.forecasts == ()
    assert found.sentences[0] == found.refused


def test_the_best_are_trained_and_compared_without_changing_the_forecast() -> None:
    measured, accuracies = world(2, sign=1)
    before, after = forecast(measured, accuracies), forecast(measured, accuracies, best=5)
    assert [part.forecast for part in before.forecasts] == [part.forecast for part in after.forecasts]
    assert [part.dataset for part in after.trained_best] == before.highest(5)
    inside = sum(
        part.forecast.low <= accuracies[part.dataset].mean <= part.forecast.high for part in after.trained_best
    )
    text = " ".join(after.sentences)
    assert f"were then trained: {inside} of 5 measured accuracies lie within their prediction intervals." in text
    trained = [*before.first, *before.highest(5)]
    found = max(trained, key=lambda name: accuracies[name].mean)
    assert f"The best of all 13 trained data sets is {found}, " in text


def test_a_larger_number_of_first_data_sets_trains_the_same_ones_again() -> None:
    measured, _ = world(3, sign=1)
    assert measured.first(12)[:8] == measured.first(8)


@pytest.mark.parametrize(
    ("sets", "count", "message"),
    [
        (6, None, "a forecast needs at least 7 data sets without real images, of which 6 are trained, but the study"),
        (12, 5, "--first is 5; choose 6 to 11 of the 12 data sets"),
        (12, 12, "--first is 12; choose 6 to 11 of the 12 data sets"),
    ],
)
def test_too_few_data_sets_are_reported(sets: int, count: int | None, message: str) -> None:
    measured, _ = world(0, sign=1)
    few = Measured(measured.datasets[:sets], measured.predictors, measured.values[:sets])
    with pytest.raises(DataError) as caught:
        few.first(count)
    assert str(caught.value).startswith(message)


def test_with_few_data_sets_at_least_six_are_trained() -> None:
    measured, _ = world(0, sign=1)
    few = Measured(measured.datasets[:12], measured.predictors, measured.values[:12])
    assert len(few.first(None)) == FEWEST_FIRST


def test_a_data_set_that_failed_is_not_learnt_from() -> None:
    measured, accuracies = world(0, sign=1)
    first = measured.first(None)
    trained = {name: accuracies[name] for name in first[1:]}
    found = make_forecast(measured, trained, ForecastRecord(first=first))
    assert list(found.first) == first[1:]
    assert first[0] not in found.highest(SETS)
    few = make_forecast(measured, {name: accuracies[name] for name in first[:3]}, ForecastRecord(first=first))
    assert few.refused == "There is no forecast: only 3 of the 8 data sets to learn from were trained."


def rates(count: int) -> dict[str, float]:
    return {"real": 0.9, **{f"set-{index:02}": 0.3 + 0.5 * index / count for index in range(count)}}


def study(forecast: ForecastRecord | None = None) -> Summary:
    return made_up_summary(rates=rates(14), forecast=forecast, sample_images=0)


def test_a_summary_forecasts_data_sets_without_runs_and_misses_none_of_them() -> None:
    first = [f"set-{index:02}" for index in (0, 3, 5, 8, 11, 13)]
    summary = study(ForecastRecord(first=first))
    assert summary.problems == ()
    assert summary.forecast is not None
    assert summary.forecast.refused is None
    assert [row.to_real is not None for row in summary.rows] == [name in ["real", *first] for name in rates(14)]
    assert {part.dataset for part in summary.forecast.forecasts} == set(rates(14)) - {"real", *first}
    assert summary.answer[: len(summary.forecast.sentences)] == summary.forecast.sentences
    assert summary.headline[0] == summary.forecast.sentences[0]


def test_a_run_of_a_forecast_that_is_missing_is_a_problem() -> None:
    first = [f"set-{index:02}" for index in range(6)]
    complete = study(ForecastRecord(first=first))
    lost = [run for run in complete.runs if (run.dataset, run.seed) != ("set-03", 1)]
    assert summarise([complete.study, *complete.datasets, *lost]).problems == (
        "small on set-03, seed 1: its record is missing",
    )


def test_a_study_that_trains_all_has_no_forecast() -> None:
    assert study().forecast is None


def test_sets_with_real_images_and_unmeasured_ones_are_left_out() -> None:
    summary = study()
    rows = list(summary.rows)
    rows[3] = replace(rows[3], holds_real=True)
    rows[5] = replace(rows[5], metrics={})
    measured = measured_sets(rows, summary.study.file.metrics, summary.study.metrics)
    assert len(measured.datasets) == 12
    assert measured.left_out == (
        f"{rows[3].dataset} is not forecast, because it contains real images.",
        f"{rows[5].dataset} is not forecast, because it was not measured (Density).",
    )
    assert {predictor.name for predictor in measured.predictors} == {"density", "coverage", "real-to-synth"}
    assert measured.values.shape == (12, 3)
