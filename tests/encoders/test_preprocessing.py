from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.preprocessing import BATCH, looked_at


def corner(image: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 to (3, 2, 2)."""
    return torch.from_numpy(image[:2, :2].copy()).permute(2, 0, 1).double()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 19])
def test_a_row_per_image_in_order_whatever_their_sizes(pixels: Pixels, count: int) -> None:
    few = pixels.take(np.arange(count))
    found = looked_at(few, corner, lambda batch: batch.flatten(1), "cpu")
    wanted = np.stack([corner(few[i]).flatten().numpy() for i in range(count)])
    assert (found == wanted).all()
    assert found.dtype == np.float32


def test_a_network_meets_full_batches_alone_filled_with_the_last_image(pixels: Pixels) -> None:
    seen: list[torch.Tensor] = []

    def look(batch: torch.Tensor) -> torch.Tensor:
        seen.append(batch)
        return batch.flatten(1)

    looked_at(pixels, corner, look, "cpu")
    assert [len(batch) for batch in seen] == [BATCH, BATCH]
    last = corner(pixels[len(pixels) - 1])
    assert all(torch.equal(image, last) for image in seen[1][2:])


def test_features_of_half_precision_and_with_gradients_come_as_plain_float32(pixels: Pixels) -> None:
    weight = torch.ones(12, 2, dtype=torch.bfloat16, requires_grad=True)
    found = looked_at(pixels, corner, lambda batch: batch.flatten(1).bfloat16() @ weight, "cpu")
    assert found.shape == (19, 2)
    assert found.dtype == np.float32
