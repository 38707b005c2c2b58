from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import DataError
from prettyuseful.metrics.alignment import clip_scores, label_agreement


def test_clip_scores_by_hand() -> None:
    images = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    texts = np.array([[3.0, 4.0], [-5.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(clip_scores(images, texts), [2.5, 0, 2.5 / 2**0.5, 0], atol=1e-12)


def test_clip_scores_are_those_of_torchs_cosine() -> None:
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 50, 8))
    wanted = 2.5 * torch.cosine_similarity(torch.tensor(images), torch.tensor(texts)).clamp(min=0)
    np.testing.assert_allclose(clip_scores(images, texts), wanted.numpy(), rtol=1e-12)


@given(seed=st.integers(0, 999), scale=st.floats(1e-3, 1e3))
def test_lengths_turning_and_order_change_no_score(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(2, 9, 4))
    turn, order = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.permutation(9)
    found = clip_scores(images, texts)
    np.testing.assert_allclose(clip_scores(scale * images @ turn, texts @ turn), found, atol=1e-9)
    np.testing.assert_array_equal(clip_scores(images[order], texts[order]), found[order])


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
        clip_scores(images, texts)


@pytest.mark.parametrize("labels", [[0], [0, 2], [-1, 0], []])
def test_labels_that_do_not_fit_are_said(labels: list[int]) -> None:
    with pytest.raises(DataError, match="give each image one label below 2"):
        label_agreement(np.ones((2, 2)), np.array(labels, int))
    with pytest.raises(DataError, match="not finite"):
        label_agreement(np.full((1, 2), np.nan), np.array([0]))
