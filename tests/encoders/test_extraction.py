from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.extraction import BATCH, extract_features


def corner(image: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 to (3, 2, 2)."""
    return torch.from_numpy(image[:2, :2].copy()).permute(2, 0, 1).double()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 19])
def test_there_is_one_row_per_image_in_order(pixels: Pixels, count: int) -> None:
    few = pixels.take(np.arange(count))
    features = extract_features(few, corner, lambda batch: batch.flatten(1), "cpu")
    expected = np.stack([corner(few[i]).flatten().numpy() for i in range(count)])
    assert (features == expected).all()
    assert features.dtype == np.float32


def test_last_batch_is_padded_with_the_last_image(pixels: Pixels) -> None:
    batches: list[torch.Tensor] = []

    def network(batch: torch.Tensor) -> torch.Tensor:
        batches.append(batch)
        return batch.flatten(1)

    extract_features(pixels, corner, network, "cpu")
    assert [len(batch) for batch in batches] == [BATCH, BATCH]
    last = corner(pixels[len(pixels) - 1])
    assert all(torch.equal(image, last) for image in batches[1][2:])


def test_half_precision_features_become_float32(pixels: Pixels) -> None:
    weight = torch.ones(12, 2, dtype=torch.bfloat16, requires_grad=True)
    features = extract_features(pixels, corner, lambda batch: batch.flatten(1).bfloat16() @ weight, "cpu")
    assert features.shape == (19, 2)
    assert features.dtype == np.float32
