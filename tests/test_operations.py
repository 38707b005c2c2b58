"""Counted operations against what follows from the shapes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from prettyuseful.operations import CountedOperations


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_matrix_products_convolutions_and_attention(device: str) -> None:
    linear, convolution = nn.Linear(8, 5, device=device), nn.Conv2d(3, 4, 3, padding=1, device=device)
    queries, keys = (torch.zeros(2, 3, tokens, 16, device=device) for tokens in (7, 11))
    with torch.inference_mode(), CountedOperations() as counted:
        linear(torch.zeros(6, 8, device=device))
    assert counted.flops == 2 * 6 * 8 * 5
    with CountedOperations() as counted:  # with gradients
        linear(torch.zeros(6, 8, device=device))
    assert counted.flops == 2 * 6 * 8 * 5
    with CountedOperations() as counted:
        convolution(torch.zeros(2, 3, 10, 10, device=device))
    assert counted.flops == 2 * 2 * 10 * 10 * 3 * 4 * 9
    with CountedOperations() as counted:
        result = F.scaled_dot_product_attention(queries, keys, value=keys)
    assert (counted.flops, counted.launches) == (2 * 2 * 2 * 3 * 7 * 11 * 16, 1)
    assert result.shape == queries.shape


def test_views_and_allocations_are_no_kernels() -> None:
    images = torch.zeros(2, 3, 4, 4)
    with CountedOperations() as counted:
        images.permute(0, 2, 3, 1).reshape(2, 16, 3)[:, :4].unsqueeze(0)
        torch.empty(3)
    # A permuted tensor is copied to be reshaped, except that this shape needs no copy.
    assert counted.launches == 0
    with CountedOperations() as counted:
        (images.permute(0, 2, 3, 1).contiguous() * 2).add_(1)
    assert (counted.launches, counted.flops) == (3, 0)
