"""Counted tensors on the CPU, on meta, and of fused attention."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from prettyuseful.tensor_memory import CountedTensors

MIB = 1 << 20


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_tensor_counts_until_it_is_freed(device: str) -> None:
    before = torch.zeros(MIB, device=device)
    with CountedTensors() as counted:
        first = before + 1
        assert counted.now == counted.peak == 4 * MIB
        view = first[: MIB // 2]  # the same memory
        second = first.half()
        assert counted.now == 6 * MIB
        del first
        assert counted.now == 6 * MIB
        del view, second
        assert (counted.now, counted.peak) == (0, 6 * MIB)
        counted.reset_peak()
        assert counted.peak == 0
    assert before.shape == (MIB,)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_the_backward_pass_needs_counts(device: str) -> None:
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()).to(device)
    images = torch.zeros(256, 64, device=device)
    with CountedTensors() as counted:
        outputs = network(images)
        # Each ReLU keeps its output, which is the input of the next layer; outputs of layers are freed.
        assert counted.now == 2 * images.nbytes
        outputs.sum().backward()
        del outputs
    assert counted.now == sum(weight.nbytes for weight in network.parameters())  # their gradients


def test_attention_without_memory_counts_as_fused() -> None:
    """A matrix of all pairs would have 4 heads x 1024 x 1024 numbers."""
    sizes = {}
    for device in ("cpu", "meta"):
        query, key, value = (torch.zeros(1, 4, 1024, 16, device=device, requires_grad=True) for _ in range(3))
        with CountedTensors() as counted:
            F.scaled_dot_product_attention(query, key, value=value).sum().backward()  # type: ignore[no-untyped-call]
        sizes[device] = counted.peak
    assert 4 * 1024 * 16 * 4 < sizes["meta"] < 4 * 1024 * 1024
    assert sizes["meta"] == pytest.approx(sizes["cpu"], rel=0.15)
