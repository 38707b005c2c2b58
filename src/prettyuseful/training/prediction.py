"""Predicts the memory and the operations of a training without its device, for plans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch._subclasses import FakeTensorMode
from torch.func import functional_call

from prettyuseful.errors import UserError
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.operations import CountedOperations
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.initialisation import recompute_activations, trainable, training_mode
from prettyuseful.training.memory import (
    USABLE,
    TrainingMemory,
    choose_images_at_once,
    count_memory,
    fake_weights,
)
from prettyuseful.training.recipes import Trains

_BACKWARD = 2
"""Operations of the backward pass, relative to the forward pass: gradients of activations and of weights."""


@dataclass(frozen=True)
class CountedNetwork:
    """A network and what was counted without its weights.

    Attributes:
        network: with random weights, on the CPU, in training mode.
        weights: bytes.
        flops: floating-point operations of a forward pass, for one image.
        launches: kernels of a forward pass.
        passes: operations of a step of training, relative to a forward pass.
        memory: of training, without the images of a batch; None if unknown.
    """

    network: torch.nn.Module
    weights: int
    flops: float
    launches: int
    passes: int
    memory: TrainingMemory | None

    def images_at_once(self, numerics: TrainingNumerics, size: int, batch: int, free: int) -> int:
        """Return how many images of a batch a training processes at once on a device with `free` bytes."""
        if numerics.images_at_once is not None:
            return min(batch, numerics.images_at_once)
        if self.memory is None:
            return batch
        memory = self.memory.with_images(size, batch, numerics.device)
        return choose_images_at_once(memory, self.network, batch, int(USABLE * (free - self.weights))) or batch

    def peak(self, numerics: TrainingNumerics, size: int, batch: int, at_once: int) -> int:
        """Return the predicted bytes at the peak, with the weights; 0 if unknown."""
        if self.memory is None:
            return 0
        return self.weights + self.memory.with_images(size, batch, numerics.device).total(at_once, batch)


@lru_cache(64)
def count_network(design: Design, trains: Trains, numerics: TrainingNumerics) -> CountedNetwork | None:
    """Count the operations and the memory of training a classifier, on tensors without memory.

    Args:
        design: of the classifier.
        trains: the layers that are trained.
        numerics: on the device of the training, which this machine need not have.

    Returns:
        None if the network cannot be built, or cannot run without memory.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            network = design.build()
    except UserError:
        return None
    trainable(network, trains)
    training_mode(network, trains)
    if numerics.recompute:
        recompute_activations(network, design.architecture)
    try:
        flops, launches = _count_forward(network, design.size)
    except Exception:  # of any kind, from the code of any network
        return None
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    passes = 1 + (_BACKWARD if trains == "all" else 0) + int(numerics.recompute)
    return CountedNetwork(
        network, weights, flops, launches, passes, count_memory(Classifier(design, network, numerics))
    )


def _count_forward(network: torch.nn.Module, size: int) -> tuple[float, int]:
    count = 2  # batch norm needs two images
    with FakeTensorMode() as fake, torch.no_grad(), torch.random.fork_rng(devices=[]), CountedOperations() as counted:
        functional_call(network, fake_weights(fake, network, "cpu"), (torch.empty(count, 3, size, size),))
    return counted.flops / count, counted.launches
