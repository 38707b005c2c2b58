from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.errors import DataError
from prettyuseful.metrics.preferences import pair_probabilities, preference_scores


def test_preferences_agree_with_torch() -> None:
    images, texts = np.random.default_rng(0).normal(size=(2, 20, 6))
    wanted = 87.5 * torch.cosine_similarity(torch.tensor(images), torch.tensor(texts))
    np.testing.assert_allclose(preference_scores(images, texts, 87.5), wanted.numpy(), rtol=1e-12)
    assert preference_scores(images, -texts, 87.5).tolist() == (-preference_scores(images, texts, 87.5)).tolist()


def test_pair_probabilities_agree_with_the_softmax() -> None:
    rng = np.random.default_rng(1)
    images, pair = rng.normal(size=(20, 6)), np.stack([np.ones(6), np.ones(6) + 0.01 * rng.normal(size=6)])
    unit = [torch.nn.functional.normalize(torch.tensor(values), dim=-1) for values in (images, pair)]
    wanted = (100 * unit[0] @ unit[1].T).softmax(dim=-1)[:, 0].numpy()
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(pair_probabilities(images, pair), wanted, rtol=1e-10)
    np.testing.assert_allclose(pair_probabilities(images, pair[::-1]), 1 - wanted, rtol=1e-10)
    extreme = pair_probabilities(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(extreme, 1)


@pytest.mark.parametrize(
    ("images", "texts", "words"),
    [
        (np.ones((2, 3)), np.ones((1, 3)), "2 images and 1 texts"),
        (np.ones((1, 3)), np.ones((1, 4)), "embed both with the same model"),
        (np.ones((1, 3)), np.zeros((1, 3)), "all zero"),
        (np.full((1, 3), np.nan), np.ones((1, 3)), "not finite"),
    ],
)
def test_features_that_do_not_fit_raise_an_error(images: np.ndarray, texts: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        preference_scores(images, texts, 100)


def test_a_pair_has_two_texts() -> None:
    with pytest.raises(DataError, match="3 texts; pass two"):
        pair_probabilities(np.ones((1, 3)), np.ones((3, 3)))
