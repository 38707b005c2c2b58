from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from prettyuseful.analysis.effective import FLAT, EffectiveReal, invert_curve
from prettyuseful.analysis.effective import effective_real_images as effective_real_images_of_model
from prettyuseful.analysis.statistics import Replicate, fit
from prettyuseful.records import TransferResult

CLASSES, GROUPS, SIZE = 8, 12, 20
SIZES = (10, 20, 40, 80)


def drawn_tests(accuracy: float, seed: int, seeds: int = 5, noise: float = 0.01) -> list[TransferResult]:
    """Tests with a common difficulty of each group and seed-to-seed variation `noise`."""
    hardness = np.random.default_rng(0).normal(0, 0.05, CLASSES * GROUPS)
    rng = np.random.default_rng([1, seed])
    tests = []
    for _ in range(seeds):
        rates = np.clip(accuracy + hardness - hardness.mean() + rng.normal(0, noise), 0, 1)
        correct = rng.binomial(SIZE, rates).tolist()
        labels = np.repeat(np.arange(CLASSES), GROUPS).tolist()
        tests.append(
            TransferResult(
                kind="real_to_real",
                tested_on="real",
                top1=sum(correct) / (SIZE * len(correct)),
                top5=1.0,
                per_class=[],
                confusion=[],
                groups=[str(i) for i in range(len(correct))],
                group_labels=labels,
                group_sizes=[SIZE] * len(correct),
                group_correct=correct,
            )
        )
    return tests


def effective_real_images(
    curve: Mapping[int, Sequence[TransferResult]], synthetic: Sequence[TransferResult]
) -> EffectiveReal:
    tests: dict[Any, Sequence[TransferResult]] = {**curve, "synthetic": synthetic}
    model = fit({name: {Replicate(0, i): test for i, test in enumerate(rows)} for name, rows in tests.items()})
    return effective_real_images_of_model(model, {float(n): n for n in curve}, "synthetic")


def curve_of(accuracies: Sequence[float], **more: float) -> dict[int, list[TransferResult]]:
    return {n: drawn_tests(a, n, **more) for n, a in zip(SIZES, accuracies, strict=True)}  # type: ignore[arg-type]


RISING = (0.4, 0.5, 0.6, 0.7)


def test_between_two_points_the_curve_is_interpolated_over_the_logarithm() -> None:
    found = effective_real_images(curve_of(RISING), drawn_tests(0.55, 1))
    assert found.censored == "none"
    assert found.estimate == pytest.approx(20 * 2**0.5, rel=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.estimate < found.high
    assert found.text == f"about {found.estimate:.0f} [{found.low:.0f}, {found.high:.0f}]"


def test_intervals_cover_the_true_number() -> None:
    """The true number of effective real images is 28.3."""
    covered = []
    for trial in range(60):
        curve = {n: drawn_tests(a, 1000 * trial + n) for n, a in zip(SIZES, RISING, strict=True)}
        found = effective_real_images(curve, drawn_tests(0.55, 1000 * trial + 1))
        covered.append((found.low or 0) <= 20 * 2**0.5 <= (found.high or 1e9))
    assert np.mean(covered) >= 0.85


def test_accuracies_beyond_the_curve_are_censored() -> None:
    below = effective_real_images(curve_of(RISING), drawn_tests(0.2, 1))
    assert (below.censored, below.estimate, below.low) == ("below", 10, None)
    assert below.text == "less useful than 10, the smallest number tried"
    assert below.below_words == "less useful than 10 real images per class, the smallest number tried"
    above = effective_real_images(curve_of(RISING), drawn_tests(0.85, 1))
    assert (above.censored, above.estimate, above.high) == ("above", 80, None)
    assert above.text == "at least 80 (lower bound 80; most images tested)"


def test_on_a_plateau_the_estimate_is_where_it_begins() -> None:
    found = effective_real_images(curve_of((0.4, 0.7, 0.7, 0.7), noise=0.0), drawn_tests(0.72, 1, noise=0.0))
    assert (found.censored, found.estimate, found.high) == ("plateau", 20, None)
    assert found.text.startswith("at least 20 (lower bound")
    assert found.text.endswith("; more real images do not help)")


def test_interval_ends_beyond_the_curve_are_open() -> None:
    low = effective_real_images(curve_of(RISING), drawn_tests(0.405, 1, noise=0.03))
    assert low.low is None
    assert "below 10" in low.text or "less useful than 10" in low.text
    high = effective_real_images(curve_of(RISING), drawn_tests(0.695, 1, noise=0.03))
    assert high.high is None
    assert "more than 80" in high.text or "at least 80" in high.text


def test_a_decreasing_curve_is_fitted_as_flat() -> None:
    found = effective_real_images(curve_of((0.4, 0.6, 0.58, 0.8), noise=0.0), drawn_tests(0.5, 1, noise=0.0))
    assert 10 < found.estimate < 20


def test_results_are_deterministic_and_work_with_one_seed() -> None:
    first = effective_real_images(curve_of(RISING, seeds=1), drawn_tests(0.55, 1, seeds=1))
    again = effective_real_images(curve_of(RISING, seeds=1), drawn_tests(0.55, 1, seeds=1))
    assert first == again
    assert isinstance(first, EffectiveReal)


def test_a_curve_of_one_point_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least two numbers"):
        effective_real_images({10: drawn_tests(0.5, 1)}, drawn_tests(0.5, 2))


def test_many_curves_are_inverted_as_one_by_one_with_scipys_isotonic_regression() -> None:
    rng = np.random.default_rng(0)
    curves = rng.uniform(0.3, 0.7, (200, 4)) + np.linspace(0, 0.2, 4)
    targets = rng.uniform(0.3, 0.9, 200)
    values, plateaus = invert_curve(SIZES, np.column_stack([curves, targets]))
    for curve, target, value, plateau in zip(curves, targets, values, plateaus, strict=True):
        fit = isotonic_regression(curve).x
        flat = int(np.flatnonzero(fit > fit[-1] - FLAT)[0])
        assert plateau == SIZES[flat]
        if target < fit[0] - 1e-9:
            assert value == 0
        elif (flat < 3 and target > fit[flat] + 1e-9) or target > fit[-1] + 1e-9:
            assert np.isinf(value)
        elif np.isfinite(value) and value > 0:
            assert np.interp(np.log(value), np.log(SIZES), fit) == pytest.approx(target)


def test_a_worth_below_one_image_is_said_in_words() -> None:
    one = EffectiveReal(1, None, 1.0, "below", 1, 7)
    assert one.below_words == "less useful than 1 real image per class, the smallest number tried"
    assert EffectiveReal(1, None, 2.4, "below", 1, 7).text == (
        "less useful than 1, the smallest number tried (upper bound 2.4)"
    )
