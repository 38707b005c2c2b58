"""A classifier: a network, and the statistics by which its input is normalised."""

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
    """All of a classifier but its weights. `size`: side of its input in pixels. `mean`, `std`: of values in 0-1."""

    architecture: str
    classes: int
    size: int
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    def build(self) -> nn.Module:
        """The network with random weights, on the CPU."""
        return build(self.architecture, self.classes, self.size)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Design:
        """What `as_json` gave, perhaps by way of a file, where a tuple became a list."""
        return cls(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Call = Callable[[torch.Tensor], torch.Tensor]
"""A network, or a part of it: (N, 3, S, S) to (N, ...)."""


@dataclass(frozen=True)
class Classifier:
    """A network of a design, on the device and in the number format of its numerics."""

    design: Design
    network: nn.Module
    numerics: Numerics = field(default_factory=Numerics)

    def on(self, numerics: Numerics) -> Classifier:
        """The same network, moved to where these numerics want it."""
        return Classifier(self.design, numerics.place(self.network), numerics)

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) in 0-1 to what the network was made for, in place."""
        return normalise_(images, self.design.mean, self.design.std)

    def compute(self, images: torch.Tensor, call: Call | None = None) -> torch.Tensor:
        """The network, or another `call` of its parts, on normalised images, as the numerics say; float32."""
        with self.numerics.autocast():
            return (call or self.network)(self.numerics.laid_out(images)).float()

    def save(self, path: Path) -> None:
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(state, path)


def load_classifier(path: Path, design: Design, numerics: Numerics) -> Classifier:
    """What `Classifier.save` wrote, ready for inference."""
    network = design.build()
    network.load_state_dict(load_file(path))
    classifier = Classifier(design, network).on(numerics)
    classifier.network.eval()
    return classifier
