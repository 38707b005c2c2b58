from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.two_sample import ClassImages, permutation_p


def sample(rng: np.random.Generator, per_class: int, shift: float = 0.0, group_size: int = 1) -> ClassImages:
    """Two classes of skewed features in two kinds; the images of a group share most of their values."""
    labels = np.repeat([0, 1], per_class)
    groups = np.arange(2 * per_class) // group_size
    common = rng.exponential(size=(2 * per_class, 4))[groups]
    values = common + 0.2 * rng.normal(size=common.shape) + 3 * labels[:, None] + shift
    return ClassImages({"a": values, "b": values[:, :1] ** 2}, labels, groups.astype(str))


@pytest.mark.parametrize("group_size", [1, 4])
def test_the_p_value_is_uniform_without_a_difference(group_size: int) -> None:
    rng = np.random.default_rng(0)
    p_values = [
        permutation_p(sample(rng, 12, group_size=group_size), sample(rng, 24, group_size=group_size))
        for _ in range(120)
    ]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.08)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)


def test_a_shift_within_classes_is_found() -> None:
    rng = np.random.default_rng(1)
    assert permutation_p(sample(rng, 15), sample(rng, 15, shift=1.0)) < 0.01


def test_the_scale_of_a_kind_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    first, second = sample(rng, 10), sample(rng, 10, shift=0.3)
    larger = [ClassImages({"a": 50 * s.kinds["a"], "b": s.kinds["b"]}, s.labels, s.groups) for s in (first, second)]
    assert permutation_p(*larger) == pytest.approx(permutation_p(first, second), abs=0.01)


def test_a_class_with_one_group_on_each_side_says_little() -> None:
    rng = np.random.default_rng(3)
    first, second = (sample(rng, 6, shift=shift, group_size=6) for shift in (0.0, 9.0))
    assert permutation_p(first, second) > 0.05


def test_constant_features_are_no_difference() -> None:
    labels, groups = np.zeros(8, int), np.arange(8).astype(str)
    constant = ClassImages({"a": np.ones((8, 3))}, labels, groups)
    assert permutation_p(constant, constant) == 1
