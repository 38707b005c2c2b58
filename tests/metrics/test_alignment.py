from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import DataError
from prettyuseful.metrics.alignment import clip_score, label_agreement


def test_clip_scores_by_hand() -> None:
    images = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    texts = np.array([[3.0, 4.0], [-5.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(clip_score(images, texts), [2.5, 0, 2.5 / 2**0.5, 0], atol=1e-12)


def test_clip_scores_are_those_of_torchs_cosine() -> None:
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 50, 8))
    wanted = 2.5 * torch.cosine_similarity(torch.tensor(images), torch.tensor(texts)).clamp(min=0)
    np.testing.assert_allclose(clip_score(images, texts), wanted.numpy(), rtol=1e-12)


@given(seed=st.integers(0, 999), scale=st.floats(1e-3, 1e3))
def test_lengths_turning_and_order_change_no_score(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(2, 9, 4))
    turn, order = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.permutation(9)
    found = clip_score(images, texts)
    np.testing.assert_allclose(clip_score(scale * images @ turn, texts @ turn), found, atol=1e-9)
    np.testing.assert_array_equal(clip_score(images[order], texts[order]), found[order])


def test_label_agreement_by_hand() -> None:
    logits = np.array([[1.0, 2.0, 0.0], [3.0, 3.0, 0.0], [0.0, 0.0, 9.0]])
    assert label_agreement(logits, np.array([1, 1, 2])).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("images", "texts", "words"),
    [
        (np.ones((2, 3)), np.ones((1, 3)), "give each image one text"),
        (np.ones((1, 3)), np.ones((1, 4)), "give each image one text"),
        (np.zeros((1, 3)), np.ones((1, 3)), "all zero"),
        (np.full((1, 3), np.nan), np.ones((1, 3)), "not finite"),
    ],
)
def test_scores_that_cannot_be_are_said(images: np.ndarray, texts: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        clip_score(images, texts)


@pytest.mark.parametrize("labels", [[0], [0, 2], [-1, 0], [], [0.5, 1.5]])
def test_labels_that_do_not_fit_are_said(labels: list[float]) -> None:
    with pytest.raises(DataError, match="give each image one label below 2"):
        label_agreement(np.ones((2, 2)), np.array(labels, float if 0.5 in labels else int))
    with pytest.raises(DataError, match="not finite"):
        label_agreement(np.full((1, 2), np.nan), np.array([0]))


def test_an_image_and_its_own_text_and_constant_features() -> None:
    rng = np.random.default_rng(0)
    same = rng.normal(size=(7, 5))
    np.testing.assert_allclose(clip_score(same, same), 2.5, rtol=1e-12)
    np.testing.assert_array_equal(clip_score(same, -same), 0)
    np.testing.assert_allclose(clip_score(np.full((4, 5), 0.1), np.full((4, 5), 7.0)), 2.5, rtol=1e-12)
    assert clip_score(same[:1], same[:1]).shape == (1,)


@given(seed=st.integers(0, 999), times=st.integers(2, 4))
def test_images_given_several_times_are_scored_as_often(seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(2, 9, 4))
    again = clip_score(np.tile(images, (times, 1)), np.tile(texts, (times, 1)))
    np.testing.assert_array_equal(again, np.tile(clip_score(images, texts), times))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_one_value_that_is_not_finite_is_found(side: int, value: float) -> None:
    pair = np.ones((4, 3)), np.ones((4, 3))
    pair[side][2, 1] = value
    with pytest.raises(DataError, match=f"{('image', 'text')[side]} features hold values that are not finite"):
        clip_score(*pair)
    with pytest.raises(DataError, match="values that are not finite"):
        label_agreement(pair[side], np.zeros(4, int))


def test_a_text_without_direction_and_no_images_are_said() -> None:
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
def test_agreement_is_each_images_own(labels: list[int], times: int, seed: int) -> None:
    """Of any mixture of classes, some with one image or none: order, copies and the logits' scale change nothing."""
    rng = np.random.default_rng(seed)
    logits, given_labels = rng.normal(size=(len(labels), 4)), np.array(labels)
    found = label_agreement(logits, given_labels)
    assert found.tolist() == [
        float(max(range(4), key=row.__getitem__) == label) for row, label in zip(logits, labels, strict=True)
    ]
    order = rng.permutation(np.repeat(np.arange(len(labels)), times))
    moved = label_agreement(3 * logits[order] + 7, given_labels[order])
    np.testing.assert_array_equal(moved, found[order])


def test_a_classifier_that_says_nothing_says_the_first_class() -> None:
    assert label_agreement(np.full((3, 4), 0.5), np.array([0, 1, 0])).tolist() == [1, 0, 1]
    assert label_agreement(np.ones((2, 1)), np.array([0, 0])).tolist() == [1, 1]
