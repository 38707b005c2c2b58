"""Predicts the memory of a training from counted tensors, and chooses how many images a network processes at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil

import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.func import functional_call

from prettyuseful.numerics import Numerics
from prettyuseful.tensor_memory import CountedTensors
from prettyuseful.training.classifier import Classifier

_COUNTED = (2, 4)  # images; what the backward pass needs grows linearly with them
_OVERLAP = 0.3  # share of the smaller of activations and gradients that exists at the peak of the other
USABLE = 0.9
"""Share of the free memory to plan with; the rest is for workspaces of kernels, and for memory in small pieces."""
LOADED_AT_ONCE = 256
"""Images that an accelerator loads and augments at once: few and large kernels, and little memory beside the batch."""
_AUGMENTING = 70  # bytes per pixel of an augmented image while it is made, counted on tensors without memory
_MIN_IMAGES = 8  # fewer at once would take much longer than training with another setting


@dataclass(frozen=True)
class TrainingMemory:
    """The predicted memory of a training besides the weights.

    Attributes:
        fixed: bytes of the moments of the optimiser, of the images of a batch, and on a GPU of what prepares the next.
        gradients: bytes of the gradients of the weights.
        image: bytes for each image that the network processes at once.
    """

    fixed: int
    gradients: int
    image: int

    def total(self, at_once: int, batch: int) -> int:
        """Return the bytes for `at_once` images at once, of `batch` images for each step of the optimiser."""
        activations = at_once * self.image
        if at_once < batch:  # the gradients of earlier parts stay
            return self.fixed + self.gradients + activations
        # In the backward pass, gradients come while activations go.
        larger, smaller = max(activations, self.gradients), min(activations, self.gradients)
        return self.fixed + larger + round(_OVERLAP * smaller)

    def with_images(self, size: int, batch: int, device: str) -> TrainingMemory:
        """Return the memory with a batch of images of `size` x `size` pixels, on a GPU also with that for the next."""
        images = batch * 3 * size**2 * torch.float32.itemsize
        if device != "cpu":
            images += images + min(batch, LOADED_AT_ONCE) * size**2 * _AUGMENTING
        return replace(self, fixed=self.fixed + images)

    def most_at_once(self, free: int) -> int:
        """Return how many images at once fit into `free` bytes, if gradients are accumulated."""
        return max(0, (free - self.fixed - self.gradients) // max(1, self.image))


def predict_memory(classifier: Classifier, batch: int) -> TrainingMemory | None:
    """Predict the memory of training a classifier, in training mode, with batches of `batch` images.

    See `count_memory`, to which the images of a batch are added.
    """
    memory = count_memory(classifier)
    return None if memory is None else memory.with_images(classifier.design.size, batch, classifier.numerics.device)


def count_memory(classifier: Classifier) -> TrainingMemory | None:
    """Count the memory of training a classifier, in training mode, without the images of a batch.

    The network runs forward on tensors without memory, in the number format of the training, and all tensors count that
    it keeps for the backward pass. Nothing changes, and no random numbers are used. The machine need not have the
    device of the training.

    Returns:
        None if the network cannot run without memory, such as one that reads values of its activations.
    """
    trained = sum(weight.nbytes for weight in classifier.network.parameters() if weight.requires_grad)
    try:
        first, second = (_count_kept(classifier, count) for count in _COUNTED)
    except Exception:  # of any kind, from the code of any network
        return None
    image = (second - first) // (_COUNTED[1] - _COUNTED[0])
    return TrainingMemory(2 * trained + max(0, first - _COUNTED[0] * image), trained, image)  # Adam has two moments


def choose_images_at_once(memory: TrainingMemory, network: nn.Module, batch: int, free: int) -> int | None:
    """Return how many images of a batch to process at once, so that they fit into `free` bytes; None for the batch.

    Gradients are then accumulated, which is the same arithmetic but for rounding. With batch norm it is not, so then it
    is never chosen; nor is it if only very few images would fit.
    """
    if memory.total(batch, batch) <= free or _has_batch_norm(network):
        return None
    fits = memory.most_at_once(free)
    return ceil(batch / ceil(batch / fits)) if fits >= _MIN_IMAGES else None


def _has_batch_norm(network: nn.Module) -> bool:
    """Whether a network normalises by statistics of the images that it processes at once."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training for part in network.modules())


def _count_kept(classifier: Classifier, count: int) -> int:
    network, numerics, size = classifier.network, classifier.numerics, classifier.design.size
    with FakeTensorMode() as fake, torch.random.fork_rng(devices=[]):
        weights = fake_weights(fake, network, numerics.device)
        images = numerics.to_memory_format(torch.empty(count, 3, size, size, device=numerics.device))
        with CountedTensors() as counted, autocast_anywhere(numerics):
            outputs = functional_call(network, weights, (images,)).float()
            kept = counted.now
        del outputs
    return kept


def fake_weights(fake: FakeTensorMode, network: nn.Module, device: str) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of a network, by name, as tensors without memory on a device."""
    named = chain(network.named_parameters(), network.named_buffers())
    return {name: fake.from_tensor(tensor).to(device) for name, tensor in named}


@contextmanager
def autocast_anywhere(numerics: Numerics) -> Iterator[None]:
    """Compute in the number format of the training, also where this machine lacks its device.

    `torch.autocast` does nothing there.
    """
    device, dtype = numerics.device, getattr(torch, numerics.dtype)
    before = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    torch.set_autocast_enabled(device, dtype != torch.float32)
    torch.set_autocast_dtype(device, dtype if dtype != torch.float32 else before[1])
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, before[0])
        torch.set_autocast_dtype(device, before[1])
