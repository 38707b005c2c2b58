"""The linear probe is scikit-learn's logistic regression on standardised features, to many digits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from prettyuseful.training.linear_probe import fit_linear_probe, select_draw, stratified_folds
from prettyuseful.training.recipes import FrozenFeatures

ONE_STRENGTH = FrozenFeatures(inverse_strengths=(20.0,), default_inverse_strength=20.0)


def images(count: int, width: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    means = np.random.default_rng(99).normal(size=(classes, width))
    features = (5 + 3 * (rng.normal(size=(count, width)) + 0.3 * means[labels])).astype(np.float32)
    return features, labels, np.array([f"g{i}" for i in range(count)])


@pytest.mark.parametrize(("count", "width"), [(60, 8), (24, 50)], ids=["more images", "more features"])
def test_the_optimum_is_scikit_learns(count: int, width: int) -> None:
    features, labels, groups = images(count, width)
    probe = fit_linear_probe(features, labels, groups, 3, ONE_STRENGTH)
    scale = features.std(axis=0) * width**0.5
    rows = (features - features.mean(axis=0)) / scale
    peer = LogisticRegression(C=20.0, tol=1e-8, max_iter=5000).fit(rows, labels)
    others, _, _ = images(40, width, seed=1)
    expected = peer.predict_log_proba((others - features.mean(axis=0)) / scale)
    logits = probe.logits(others)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(logs, expected, atol=2e-3)
    assert probe.accuracy == peer.score(rows, labels)


def test_cross_validation_prefers_a_strong_penalty_for_noise_and_a_weak_one_for_clear_classes() -> None:
    recipe = FrozenFeatures()
    noise, labels, groups = images(60, 30)
    noise = np.random.default_rng(3).normal(size=noise.shape)
    clear = noise + 4 * np.eye(30)[labels]
    strengths = [fit_linear_probe(x, labels, groups, 3, recipe).inverse_strength for x in (noise, clear)]
    assert strengths[0] == min(recipe.inverse_strengths)
    assert strengths[1] > 100


def test_images_of_one_group_do_not_judge_each_other() -> None:
    """Copies of noise: without groups a weak penalty learns them by heart and looks good on their copies."""
    noise, labels, _ = images(30, 40)
    noise, labels = np.repeat(np.random.default_rng(3).normal(size=noise.shape), 4, axis=0), np.repeat(labels, 4)
    grouped, alone = np.repeat(np.arange(30), 4).astype(str), np.arange(120).astype(str)
    recipe = FrozenFeatures()
    assert fit_linear_probe(noise, labels, grouped, 3, recipe).inverse_strength == min(recipe.inverse_strengths)
    assert fit_linear_probe(noise, labels, alone, 3, recipe).inverse_strength >= 1000


def test_with_too_few_images_or_groups_of_a_class_the_default_is_used() -> None:
    features, labels, groups = images(9, 20)
    assert stratified_folds(labels, groups, 4) is None
    assert fit_linear_probe(features, labels, groups, 3, FrozenFeatures()).inverse_strength == 300
    many, labels, _ = images(60, 20)
    assert stratified_folds(labels, labels.astype(str), 4) is None
    assert fit_linear_probe(many, labels, labels.astype(str), 3, FrozenFeatures()).inverse_strength == 300


def test_folds_keep_groups_whole_and_classes_balanced() -> None:
    labels = np.repeat(np.arange(5), 13)
    groups = np.array([f"{label}-{i // 2}" for label in range(5) for i in range(13)])
    folds = stratified_folds(labels, groups, 4)
    assert folds is not None
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    for label in range(5):
        assert min(np.bincount(folds[labels == label], minlength=4)) >= 2


def test_a_class_without_images_is_never_predicted_and_a_constant_feature_does_no_harm() -> None:
    features, labels, groups = images(20, 6, classes=2)
    features[:, 3] = 7.0
    probe = fit_linear_probe(features, labels, groups, 4, ONE_STRENGTH)
    logits = probe.logits(features)
    assert logits.shape == (20, 4)
    assert np.isfinite(logits).all()
    assert set(logits.argmax(axis=1)) <= {0, 1}


def test_the_result_does_not_depend_on_the_order_of_images() -> None:
    features, labels, groups = images(40, 60)
    order = np.random.default_rng(0).permutation(40)
    first = fit_linear_probe(features, labels, groups, 3, FrozenFeatures())
    second = fit_linear_probe(features[order], labels[order], groups[order], 3, FrozenFeatures())
    assert first.inverse_strength == second.inverse_strength
    np.testing.assert_allclose(first.logits(features), second.logits(features), atol=2e-3)


def test_draws_follow_each_other_and_begin_again_at_the_first_image() -> None:
    labels = np.array([0, 1, 0, 1, 0, 0, 1, 0])  # five of class 0, three of class 1
    draws = [select_draw(labels, [2, 2], draw).tolist() for draw in range(3)]
    assert draws == [[0, 1, 2, 3], [1, 4, 5, 6], [0, 3, 6, 7]]
    assert select_draw(labels, [1, 0], 1).tolist() == [2]
