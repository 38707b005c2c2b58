from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.records import TransferResult

CLASSES, GROUPS, SIZE = 8, 12, 20
SIZES = (10, 20, 40, 80)


def drawn_tests(accuracy: float, seed: int, seeds: int = 5, noise: float = 0.01) -> list[TransferResult]:
    """Tests whose groups are hard or easy for every classifier alike, and whose seeds vary by `noise`."""
    hardness = np.random.default_rng(0).normal(0, 0.05, CLASSES * GROUPS)
    rng = np.random.default_rng([1, seed])
    found = []
    for _ in range(seeds):
        rates = np.clip(accuracy + hardness - hardness.mean() + rng.normal(0, noise), 0, 1)
        correct = rng.binomial(SIZE, rates).tolist()
        labels = np.repeat(np.arange(CLASSES), GROUPS).tolist()
        found.append(
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
    return found


def curve_of(accuracies: Sequence[float], **more: float) -> dict[int, list[TransferResult]]:
    return {n: drawn_tests(a, n, **more) for n, a in zip(SIZES, accuracies, strict=True)}  # type: ignore[arg-type]


RISING = (0.4, 0.5, 0.6, 0.7)


def test_an_accuracy_between_two_points_is_read_off_their_line_over_the_logarithm() -> None:
    found = effective_real_images(curve_of(RISING), drawn_tests(0.55, 1))
    assert found.censored == "none"
    assert found.estimate == pytest.approx(20 * 2**0.5, rel=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.estimate < found.high
    assert found.words == f"about {found.estimate:.0f} [{found.low:.0f}, {found.high:.0f}]"


def test_the_interval_holds_the_truth() -> None:
    """The data set is worth 28.3 real images in truth."""
    held = []
    for trial in range(60):
        curve = {n: drawn_tests(a, 1000 * trial + n) for n, a in zip(SIZES, RISING, strict=True)}
        found = effective_real_images(curve, drawn_tests(0.55, 1000 * trial + 1))
        held.append((found.low or 0) <= 20 * 2**0.5 <= (found.high or 1e9))
    assert np.mean(held) >= 0.85


def test_nothing_is_read_off_beyond_the_curve() -> None:
    below = effective_real_images(curve_of(RISING), drawn_tests(0.2, 1))
    assert (below.censored, below.estimate, below.low, below.words) == ("below", 10, None, "fewer than 10")
    above = effective_real_images(curve_of(RISING), drawn_tests(0.85, 1))
    assert (above.censored, above.estimate, above.high) == ("above", 80, None)
    assert above.words == "at least 80, the most that were tried (from 80)"


def test_on_a_plateau_its_beginning_is_all_that_is_known() -> None:
    found = effective_real_images(curve_of((0.4, 0.7, 0.7, 0.7), noise=0.0), drawn_tests(0.72, 1, noise=0.0))
    assert (found.censored, found.estimate, found.high) == ("plateau", 20, None)
    assert found.words.startswith("at least 20, where more real images stop helping")


def test_an_interval_that_reaches_beyond_the_curve_says_so() -> None:
    low = effective_real_images(curve_of(RISING), drawn_tests(0.405, 1, noise=0.03))
    assert low.low is None
    assert "fewer than 10" in low.words
    high = effective_real_images(curve_of(RISING), drawn_tests(0.695, 1, noise=0.03))
    assert high.high is None
    assert "more than 80" in high.words or "at least 80" in high.words


def test_a_curve_that_falls_by_chance_is_read_as_flat() -> None:
    found = effective_real_images(curve_of((0.4, 0.6, 0.58, 0.8), noise=0.0), drawn_tests(0.5, 1, noise=0.0))
    assert 10 < found.estimate < 20


def test_equal_tests_give_equal_intervals_and_one_seed_is_enough() -> None:
    one = effective_real_images(curve_of(RISING, seeds=1), drawn_tests(0.55, 1, seeds=1))
    again = effective_real_images(curve_of(RISING, seeds=1), drawn_tests(0.55, 1, seeds=1))
    assert one == again
    assert isinstance(one, EffectiveReal)


def test_one_number_is_no_curve_and_seeds_must_match() -> None:
    with pytest.raises(ValueError, match="at least two numbers"):
        effective_real_images({10: drawn_tests(0.5, 1)}, drawn_tests(0.5, 2))
    with pytest.raises(ValueError, match="equally many seeds"):
        effective_real_images(curve_of(RISING), drawn_tests(0.5, 2, seeds=2))
