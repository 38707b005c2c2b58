"""A classifier: a network with the mean and standard deviation that normalise its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from prettyuseful.numerics import Numerics
from prettyuseful.training.architectures import build
from prettyuseful.training.augment import IMAGENET_MEAN, IMAGENET_STD, normalise_

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Design:
    """A classifier without its weights.

    `architecture`: its name. `classes`: number of classes. `size`: side of the input in pixels. `mean`, `std`:
    normalisation of the input, per channel, for values in 0-1.
    """

    architecture: str
    classes: int
    size: int
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    def build(self) -> nn.Module:
        """Return the network with random weights, on the CPU."""
        return build(self.architecture, self.classes, self.size)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Design:
        """Return the design from the result of `as_json`, also after a JSON file turned tuples into lists."""
        return cls(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Call = Callable[[torch.Tensor], torch.Tensor]
"""A network, or a part of it, as a function of (N, 3, S, S) to (N, ...)."""


@dataclass(frozen=True)
class Classifier:
    """A network with its design, on the device and in the number format of `numerics`."""

    design: Design
    network: nn.Module
    numerics: Numerics = field(default_factory=Numerics)

    def to(self, numerics: Numerics) -> Classifier:
        """Return the classifier with its network on the device and in the memory format of `numerics`."""
        return Classifier(self.design, numerics.prepare(self.network), numerics)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise (N, 3, S, S) images in 0-1 for the network, in place."""
        return normalise_(images, self.design.mean, self.design.std)

    def compute(self, images: torch.Tensor, call: Call | None = None) -> torch.Tensor:
        """Return the float32 output of the network, or of `call`, for normalised images, (N, 3, S, S) to (N, ...)."""
        with self.numerics.autocast():
            return (call or self.network)(self.numerics.to_memory_format(images)).float()

    def save(self, path: Path) -> None:
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(state, path)


def load_classifier(path: Path, design: Design, numerics: Numerics) -> Classifier:
    """Load the weights that `Classifier.save` wrote, and return the classifier in evaluation mode."""
    network = design.build()
    network.load_state_dict(load_file(path))
    classifier = Classifier(design, network).to(numerics)
    classifier.network.eval()
    return classifier
