"""Counted operations and memory of trainings, on a machine without the device."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from prettyuseful.numerics import TrainingNumerics
from prettyuseful.tensor_memory import CountedTensors
from prettyuseful.training.architectures import PAPER_TIMM_IDS
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import trainable, training_mode
from prettyuseful.training.prediction import CountedNetwork, count_network

ON_GPU = TrainingNumerics(device="cuda", dtype="bfloat16", memory_format="channels_last")
GFLOP = {
    "resnet50": 8.2,
    "vit_tiny_patch16_224": 2.5,
    "convnext_tiny": 8.9,
    "swin_tiny_patch4_window7_224": 9.0,
}
"""Twice the multiplications and additions that are published for the architectures."""


def counted(architecture: str, size: int = 224, numerics: TrainingNumerics = ON_GPU) -> CountedNetwork:
    network = count_network(Design(architecture, 200, size), "all", numerics)
    assert network is not None
    return network


@pytest.mark.slow
@pytest.mark.parametrize("architecture", PAPER_TIMM_IDS)
def test_the_architectures_of_the_paper_are_counted_without_their_device(architecture: str) -> None:
    """The memory for 32 images is near that of counted tensors, at the peak of a second step of training on meta."""
    network = counted(architecture)
    assert network.flops / 1e9 == pytest.approx(GFLOP[architecture], rel=0.05)
    assert network.passes == 3
    numerics = TrainingNumerics(dtype="float32")
    predicted = counted(architecture, numerics=numerics)
    assert predicted.memory is not None
    assert predicted.memory.total(32, 32) == pytest.approx(_peak_on_meta(architecture, 32), rel=0.15)


def _peak_on_meta(architecture: str, images: int) -> int:
    network = Design(architecture, 200, 224).build().to("meta")
    trainable(network, "all")
    training_mode(network, "all")
    optimiser = torch.optim.Adam(network.parameters())
    with CountedTensors() as tensors:
        for _ in range(2):
            tensors.reset_peak()
            outputs = network(torch.empty(images, 3, 224, 224, device="meta"))
            F.cross_entropy(outputs, torch.zeros(images, dtype=torch.int64, device="meta")).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
    return tensors.peak


def test_autocast_counts_although_this_machine_has_no_gpu() -> None:
    half, whole = counted("small", 32), counted("small", 32, ON_GPU.model_copy(update={"dtype": "float32"}))
    assert half.memory is not None
    assert whole.memory is not None
    assert half.memory.image < 0.7 * whole.memory.image
    assert not torch.is_autocast_enabled("cuda")


def test_a_batch_is_divided_for_a_small_card_only() -> None:
    network, size = counted("vit_tiny_patch16_224"), 224
    assert [network.images_at_once(ON_GPU, size, 1024, int(free)) for free in (80e9, 16e9)] == [1024, 512]
    assert network.peak(ON_GPU, size, 1024, 512) < 0.9 * 16e9 < network.peak(ON_GPU, size, 1024, 1024)
    given = ON_GPU.model_copy(update={"images_at_once": 100})
    assert network.images_at_once(given, size, 1024, int(80e9)) == 100


def test_a_head_alone_has_no_backward_pass_and_unknown_networks_are_not_counted() -> None:
    head = count_network(Design("small", 10, 32), "head", ON_GPU)
    assert head is not None
    assert head.passes == 1
    assert count_network(Design("no-such-network", 10, 32), "all", ON_GPU) is None
