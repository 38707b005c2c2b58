"""The last layer of a pretrained timm classifier, which turns the features before it into the logits of its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import timm
from torch import nn

from prettyuseful.encoders.source import EncoderSource
from prettyuseful.encoders.table import EFFICIENTNET_LITE0
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.hub.commits import check_resolved
from prettyuseful.training.initialisation import Pretrained, head_layers

IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class LastLayer:
    """A linear layer: `weight` (classes, d) and `bias` (classes,), float64."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, classes) float64 of features (N, d)."""
        logits: np.ndarray = features.astype(np.float64) @ self.weight.T + self.bias
        return logits


def read_last_layer(pinned: Pinned[EncoderSource]) -> LastLayer:
    """Return the last layer of an ImageNet classifier.

    Raises:
        DataError: the weights cannot be read, are of another model, or have other classes than ImageNet-1k.
    """
    encoder = pinned.source
    check_resolved(pinned.content, encoder.label)
    architecture, weights = _weights(encoder)
    state, name = weights.read(architecture), _layer_name(architecture)
    weight, bias = (state.get(f"{name}.{part}") for part in ("weight", "bias"))
    if weight is None or bias is None or weight.ndim != 2 or len(bias) != len(weight):
        raise DataError(
            f"the weights of {encoder.label} have no linear last layer {name!r}; choose another classifier of timm"
        )
    if len(weight) != IMAGENET_CLASSES:
        raise DataError(
            f"{encoder.label} has {len(weight):,} classes, not the 1,000 of ImageNet; choose weights that were trained "
            "on ImageNet-1k, such as efficientnet-lite0 or resnet50"
        )
    return LastLayer(weight.double().numpy(), bias.double().numpy())


def _weights(encoder: EncoderSource) -> tuple[str, Pretrained]:
    """Return the architecture of a classifier and where its weights are."""
    if encoder.name == EFFICIENTNET_LITE0.name:
        from prettyuseful.encoders.efficientnet_lite import find_weights

        return EFFICIENTNET_LITE0.timm_id, find_weights(encoder.weights)
    return encoder.name, Pretrained.from_source(encoder.weights)


def _layer_name(architecture: str) -> str:
    """Return the name of the only last layer of an architecture.

    Raises:
        DataError: it has several.
    """
    network: nn.Module = timm.create_model(architecture)
    layers = head_layers(network)
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    if len(layers) != 1:
        raise DataError(f"{architecture} has {len(layers)} last layers; choose another classifier of timm")
    return names[layers[0]]
