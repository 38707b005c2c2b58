"""Predicted memory of training against counted tensors, and what is chosen so that a batch fits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from prettyuseful.numerics import TrainingNumerics
from prettyuseful.tensor_memory import CountedTensors
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.initialisation import init_classifier, recompute_activations, trainable, training_mode
from prettyuseful.training.memory import TrainingMemory, choose_images_at_once, predict_memory

IMAGES = 16


def ready(architecture: str, size: int = 64, numerics: TrainingNumerics | None = None) -> Classifier:
    classifier = init_classifier(Design(architecture, 10, size), 0).to(numerics or TrainingNumerics())
    trainable(classifier.network, "all")
    training_mode(classifier.network, "all")
    return classifier


def counted_peak(classifier: Classifier) -> int:
    """Return the peak of a second step of training on the CPU, when the optimiser has its moments."""
    optimiser = torch.optim.AdamW(classifier.network.parameters())
    with CountedTensors() as counted:
        images = torch.zeros(IMAGES, 3, classifier.design.size, classifier.design.size)
        targets = torch.zeros(IMAGES, dtype=torch.int64)
        for _ in range(2):
            counted.reset_peak()
            F.cross_entropy(classifier.compute(images), targets).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
    return counted.peak


@pytest.mark.parametrize(
    "architecture",
    [
        "small",
        "resnet10t",
        "vit_tiny_patch16_224",
        pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
    ],
)
def test_prediction_is_near_the_counted_tensors(architecture: str) -> None:
    classifier = ready(architecture)
    before = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    state = torch.get_rng_state()
    memory = predict_memory(classifier, IMAGES)
    assert memory is not None
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in classifier.network.state_dict().items())
    assert memory.total(IMAGES, IMAGES) == pytest.approx(counted_peak(classifier), rel=0.15)


def test_recomputing_activations_needs_less_memory_and_gives_the_same_gradients() -> None:
    gradients, sizes = [], []
    for again in (False, True):
        classifier = ready("vit_tiny_patch16_224")
        if again:
            recompute_activations(classifier.network, "vit_tiny_patch16_224")
        memory = predict_memory(classifier, IMAGES)
        assert memory is not None
        sizes.append(memory.image)
        images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        classifier.compute(images).square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append([weight.grad for weight in classifier.network.parameters()])
    assert sizes[1] < sizes[0] / 3
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize(("free", "chosen"), [(2000, None), (1000, 64), (400, 26), (180, None)])
def test_a_batch_is_divided_evenly_into_parts_that_fit(free: int, chosen: int | None) -> None:
    memory = TrainingMemory(fixed=100, gradients=5, image=10)
    assert choose_images_at_once(memory, torch.nn.Linear(3, 3), 128, free) == chosen
    assert chosen is None or memory.total(chosen, 128) <= free
    norm = torch.nn.BatchNorm2d(3)  # other parts have other statistics
    assert choose_images_at_once(memory, norm, 128, free) is None
    assert choose_images_at_once(memory, norm.eval(), 128, free) == chosen


def test_a_compiled_network_is_counted_without_compiling_it() -> None:
    plain, compiled = (ready("small", 32, TrainingNumerics(compile=flag)) for flag in (False, True))
    assert predict_memory(plain, 4) == predict_memory(compiled, 4) is not None


def test_a_network_that_reads_values_has_no_prediction() -> None:
    class Reading(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) if input.sum().item() > 0 else input

    classifier = Classifier(Design("reading", 2, 32), Reading(32, 2), TrainingNumerics())
    assert predict_memory(classifier, 4) is None
