"""Meta-analysis against published results of metafor, computations of its definitions, and what must always hold."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from prettyuseful.analysis.meta_analysis import RandomEffects, StudyEstimate, random_effects

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from pooling_coverage import World, measure

# Colditz et al., JAMA 271 (1994): vaccine against tuberculosis. Cases and others, vaccinated and not.
BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    float,
)


def log_risk_ratios() -> list[StudyEstimate]:
    cases, others, control_cases, control_others = BCG.T
    vaccinated, control = cases + others, control_cases + control_others
    ratios = np.log(cases / vaccinated) - np.log(control_cases / control)
    variances = 1 / cases - 1 / vaccinated + 1 / control_cases - 1 / control
    return [StudyEstimate(float(ratio), float(variance)) for ratio, variance in zip(ratios, variances, strict=True)]


def log_odds_ratios() -> list[StudyEstimate]:
    ratios = np.log(BCG[:, 0] * BCG[:, 3] / BCG[:, 1] / BCG[:, 2])
    return [StudyEstimate(*pair) for pair in zip(ratios.tolist(), (1 / BCG).sum(axis=1).tolist(), strict=True)]


def test_heterogeneity_is_that_of_metafor_for_the_bcg_vaccine() -> None:
    """The numbers are those of metafor's documentation: `rma`, and `confint` for the Q-profile."""
    result = random_effects(log_risk_ratios())
    assert result.q == pytest.approx(152.2330, abs=1e-4)
    assert result.q_p < 1e-10
    assert result.tau.mean**2 == pytest.approx(0.3181, abs=5e-5)
    assert (result.tau.low, result.tau.high) == pytest.approx((0.3460, 1.0543), abs=5e-5)
    assert (result.i_squared.low, result.i_squared.high) == pytest.approx((0.819177, 0.976781), abs=5e-5)
    profile = random_effects(log_odds_ratios()).tau
    assert (profile.low**2, profile.high**2) == pytest.approx((0.1302, 1.1812), abs=1e-4)


def test_the_estimates_agree_with_other_computations_of_the_same_quantities() -> None:
    studies = log_risk_ratios()
    y, v = np.array([study.mean for study in studies]), np.array([study.variance for study in studies])
    result = random_effects(studies)

    def restricted_likelihood(tau_squared: float) -> float:
        w = 1 / (v + tau_squared)
        residuals = y - (w * y).sum() / w.sum()
        return float(np.log(v + tau_squared).sum() + np.log(w.sum()) + (w * residuals**2).sum()) / 2

    reml = optimize.minimize_scalar(restricted_likelihood, bounds=(0, 5), method="bounded", options={"xatol": 1e-10}).x
    assert reml == pytest.approx(0.3132, abs=5e-5)  # as metafor; Paule and Mandel's is near it
    assert result.tau.mean**2 == pytest.approx(reml, rel=0.03)
    # The interval of Hartung and Knapp by weighted least squares, never narrower than the weights allow.
    root = np.sqrt(1 / (v + result.tau.mean**2))
    (mean,), (squares,), *_ = np.linalg.lstsq(root[:, None], root * y, rcond=None)
    error = math.sqrt(max(1.0, squares / 12) / (root**2).sum())
    assert result.mean == pytest.approx(mean)
    assert (result.low, result.high) == pytest.approx(stats.t.interval(0.95, 12, mean, error))
    assert result.p == pytest.approx(2 * stats.t.sf(abs(mean) / error, 12), rel=1e-6)
    assert result.prediction is not None
    new_study = stats.t.interval(0.95, 11, mean, math.hypot(error, result.tau.mean))
    assert (result.prediction.low, result.prediction.high) == pytest.approx(new_study)


def test_the_p_value_of_heterogeneity_is_that_of_welch_for_two_means() -> None:
    """For two studies Welch's test is the t test for unequal variances."""
    a, b = np.array([1.0, 2.0, 4.0, 3.0]), np.array([4.0, 9.0, 6.0])
    studies = [StudyEstimate(float(x.mean()), float(x.var(ddof=1) / len(x)), len(x) - 1) for x in (a, b)]
    assert random_effects(studies).q_p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    known = [replace(study, dof=inf) for study in studies]
    assert random_effects(known).q_p == pytest.approx(stats.chi2.sf(random_effects(known).q, 1))


def test_what_test_images_add_is_not_averaged_out() -> None:
    own = [StudyEstimate(mean, 1e-4) for mean in (0.01, 0.02, 0.03, 0.02)]
    alone = random_effects(own)
    shared = random_effects([replace(study, common=9e-4, common_dof=50.0) for study in own])
    assert shared.error**2 == pytest.approx(alone.error**2 + 9e-4)
    assert (shared.tau, shared.q_p, shared.prediction) == (alone.tau, alone.q_p, alone.prediction)
    assert alone.low > 0 > shared.low
    assert shared.p > 0.05 > alone.p


def test_the_detectable_difference_is_found_in_80_percent_of_repetitions() -> None:
    studies = [StudyEstimate(0.0, 1.0)] * 5
    shift = random_effects(studies).detectable
    rng = np.random.default_rng(0)
    means = shift + rng.normal(0, 0.2**0.5, 20000)
    errors = np.sqrt(0.2 * rng.chisquare(4, 20000) / 4)
    assert (abs(means) > stats.t.ppf(0.975, 4) * errors).mean() == pytest.approx(0.8, abs=0.01)


def test_two_studies_have_no_prediction_interval_and_one_study_is_an_error() -> None:
    studies = [StudyEstimate(0.1, 0.01), StudyEstimate(0.3, 0.01)]
    assert random_effects(studies).prediction is None
    assert random_effects([*studies, studies[0]]).prediction is not None
    with pytest.raises(ValueError, match="at least two studies"):
        random_effects(studies[:1])
    with pytest.raises(ValueError, match="above 0"):
        random_effects([*studies, StudyEstimate(0.1, 0.0)])


ESTIMATES = st.lists(
    st.builds(
        StudyEstimate,
        st.floats(-1, 1).map(lambda value: round(value, 6)),
        st.floats(1e-5, 1e-1),
        st.sampled_from([2.0, 5.0, 30.0, inf]),
    ),
    min_size=2,
    max_size=8,
)


def numbers(result: RandomEffects) -> list[float]:
    prediction = result.prediction or ()
    return [result.mean, result.low, result.high, result.p, *result.tau, result.q_p, *result.i_squared, *prediction]


@settings(max_examples=30, deadline=None)
@given(ESTIMATES, st.randoms())
def test_the_order_of_studies_has_no_effect(studies: list[StudyEstimate], random: object) -> None:
    shuffled = list(studies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = pytest.approx(numbers(random_effects(studies)), rel=1e-6, abs=1e-9, nan_ok=True)
    assert numbers(random_effects(shuffled)) == expected


@settings(max_examples=30, deadline=None)
@given(ESTIMATES, st.floats(0.01, 100), st.floats(-2, 2))
def test_another_unit_or_origin_changes_results_accordingly(
    studies: list[StudyEstimate], scale: float, shift: float
) -> None:
    one = random_effects(studies)
    other = random_effects([replace(s, mean=scale * (s.mean + shift), variance=scale**2 * s.variance) for s in studies])
    assert (other.mean, other.low, other.high) == pytest.approx(
        [scale * (value + shift) for value in (one.mean, one.low, one.high)], rel=1e-5, abs=1e-6 * scale
    )
    tau = [scale * value for value in one.tau]
    assert list(other.tau) == pytest.approx(tau, rel=1e-5, abs=1e-6 * scale, nan_ok=True)
    assert (other.q_p, *other.i_squared) == pytest.approx((one.q_p, *one.i_squared), rel=1e-4, abs=1e-6, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(ESTIMATES, st.floats(-1, 1))
def test_equal_studies_do_not_differ_and_more_of_them_narrow_the_interval(
    studies: list[StudyEstimate], mean: float
) -> None:
    equal = [replace(study, mean=mean) for study in studies]
    result, twice = random_effects(equal), random_effects(equal * 2)
    assert (result.tau.mean, result.tau.low, result.q_p, result.i_squared.mean) == pytest.approx((0, 0, 1, 0))
    assert math.isnan(result.tau.high)
    assert result.mean == pytest.approx(mean)
    assert twice.high - twice.low < result.high - result.low


@settings(max_examples=30, deadline=None)
@given(ESTIMATES)
def test_the_estimates_lie_in_their_intervals(studies: list[StudyEstimate]) -> None:
    result = random_effects(studies)
    means = [study.mean for study in studies]
    assert min(means) - 1e-9 <= result.mean <= max(means) + 1e-9
    assert result.low < result.mean < result.high
    assert sum(result.weights) == pytest.approx(1)
    assert result.tau.low <= result.tau.mean * (1 + 1e-9)
    assert math.isnan(result.tau.high) or result.tau.mean <= result.tau.high * (1 + 1e-9)
    if result.prediction is not None:
        assert result.prediction.low < result.low < result.high < result.prediction.high
    # Never narrower than if tau were known to be 0 and with a normal quantile.
    fixed = sum(1 / study.variance for study in studies) ** -0.5
    assert result.high - result.low >= 2 * 1.96 * fixed * (1 - 1e-9)


@pytest.mark.parametrize(
    ("world", "least_mean", "least_new"),
    [
        (World(2, 0.5, 4.0), 0.93, None),
        (World(3, 2.0, 10.0, ratio=4.0), 0.92, 0.93),
        (World(5, 0.0, 4.0), 0.93, 0.93),
        (World(10, 0.5, 10.0), 0.92, 0.85),
        (World(10, 0.5, 10.0, shared=0.5, as_shared=True), 0.93, 0.83),
    ],
    ids=str,
)
def test_intervals_hold_in_simulated_worlds(world: World, least_mean: float, least_new: float | None) -> None:
    """1000 trials have a standard error of 0.7 to 1.1 points; `benchmarks/pooling_coverage.py` is more precise."""
    shares = measure(world, 1000)
    mean, new, tau, q = (shares[name] for name in ("mean", "new study", "tau", "Q"))
    assert mean is not None
    assert mean >= least_mean
    assert (new is None) == (least_new is None)
    assert new is None or least_new is None or new >= least_new
    assert tau is not None
    assert tau >= 0.92
    assert q is not None
    assert world.tau or q <= 0.09


def test_ignoring_common_test_images_makes_intervals_too_narrow() -> None:
    shares = measure(World(10, 0.0, 10.0, shared=0.5), 1000)
    assert shares["mean"] is not None
    assert shares["mean"] < 0.75
