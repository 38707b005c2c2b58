from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import DataError
from prettyuseful.metrics.alignment import clip_score, label_agreement


def test_clip_score_of_simple_vectors() -> None:
    images = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    texts = np.array([[3.0, 4.0], [-5.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(clip_score(images, texts), [2.5, 0, 2.5 / 2**0.5, 0], atol=1e-12)


def test_clip_score_agrees_with_torch_cosine_similarity() -> None:
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 50, 8))
    wanted = 2.5 * torch.cosine_similarity(torch.tensor(images), torch.tensor(texts)).clamp(min=0)
    np.testing.assert_allclose(clip_score(images, texts), wanted.numpy(), rtol=1e-12)


@given(seed=st.integers(0, 999), scale=st.floats(1e-3, 1e3))
def test_clip_score_is_invariant_to_length_rotation_and_order(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(2, 9, 4))
    turn, order = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.permutation(9)
    result = clip_score(images, texts)
    np.testing.assert_allclose(clip_score(scale * images @ turn, texts @ turn), result, atol=1e-9)
    np.testing.assert_array_equal(clip_score(images[order], texts[order]), result[order])


def test_label_agreement_of_simple_logits() -> None:
    logits = np.array([[1.0, 2.0, 0.0], [3.0, 3.0, 0.0], [0.0, 0.0, 9.0]])
    assert label_agreement(logits, np.array([1, 1, 2])).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("images", "texts", "words"),
    [
        (np.ones((2, 3)), np.ones((1, 3)), "pass one text per image"),
        (np.ones((1, 3)), np.ones((1, 4)), "pass one text per image"),
        (np.zeros((1, 3)), np.ones((1, 3)), "all zero"),
        (np.full((1, 3), np.nan), np.ones((1, 3)), "not finite"),
    ],
)
def test_invalid_clip_features_raise_an_error(images: np.ndarray, texts: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        clip_score(images, texts)


@pytest.mark.parametrize("labels", [[0], [0, 2], [-1, 0], [], [0.5, 1.5]])
def test_invalid_labels_raise_an_error(labels: list[float]) -> None:
    with pytest.raises(DataError, match="pass one integer label per image, from 0 to 1"):
        label_agreement(np.ones((2, 2)), np.array(labels, float if 0.5 in labels else int))
    with pytest.raises(DataError, match="not finite"):
        label_agreement(np.full((1, 2), np.nan), np.array([0]))


def test_clip_score_of_identical_and_of_constant_features() -> None:
    rng = np.random.default_rng(0)
    same = rng.normal(size=(7, 5))
    np.testing.assert_allclose(clip_score(same, same), 2.5, rtol=1e-12)
    np.testing.assert_array_equal(clip_score(same, -same), 0)
    np.testing.assert_allclose(clip_score(np.full((4, 5), 0.1), np.full((4, 5), 7.0)), 2.5, rtol=1e-12)
    assert clip_score(same[:1], same[:1]).shape == (1,)


@given(seed=st.integers(0, 999), times=st.integers(2, 4))
def test_repeated_images_get_equal_scores(seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(2, 9, 4))
    again = clip_score(np.tile(images, (times, 1)), np.tile(texts, (times, 1)))
    np.testing.assert_array_equal(again, np.tile(clip_score(images, texts), times))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_a_single_non_finite_value_raises_an_error(side: int, value: float) -> None:
    pair = np.ones((4, 3)), np.ones((4, 3))
    pair[side][2, 1] = value
    with pytest.raises(DataError, match=f"{('image', 'text')[side]} features contain values that are not finite"):
        clip_score(*pair)
    with pytest.raises(DataError, match="values that are not finite"):
        label_agreement(pair[side], np.zeros(4, int))


def test_zero_texts_and_empty_sets_raise_an_error() -> None:
    with pytest.raises(DataError, match=r"text features of image 1 \(from 0\) are all zero"):
        clip_score(np.ones((2, 3)), np.array([[1.0, 0, 0], [0, 0, 0]]))
    with pytest.raises(DataError, match="there are 0 "):
        clip_score(np.ones((0, 3)), np.ones((0, 3)))
    with pytest.raises(DataError, match="there are 0 "):
        label_agreement(np.ones((0, 3)), np.zeros(0, int))


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=20),
    times=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_label_agreement_is_computed_per_image(labels: list[int], times: int, seed: int) -> None:
    """For any mixture of classes, the values do not depend on order, copies or the scale of the logits."""
    rng = np.random.default_rng(seed)
    logits, given_labels = rng.normal(size=(len(labels), 4)), np.array(labels)
    result = label_agreement(logits, given_labels)
    assert result.tolist() == [
        float(max(range(4), key=row.__getitem__) == label) for row, label in zip(logits, labels, strict=True)
    ]
    order = rng.permutation(np.repeat(np.arange(len(labels)), times))
    moved = label_agreement(3 * logits[order] + 7, given_labels[order])
    np.testing.assert_array_equal(moved, result[order])


def test_equal_logits_predict_the_first_class() -> None:
    assert label_agreement(np.full((3, 4), 0.5), np.array([0, 1, 0])).tolist() == [1, 0, 1]
    assert label_agreement(np.ones((2, 1)), np.array([0, 0])).tolist() == [1, 1]
