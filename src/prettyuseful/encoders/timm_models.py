"""Every pretrained model of timm as an encoder: the features before its last layer."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import timm
import torch
from PIL import Image
from pydantic import JsonValue
from timm.data import create_transform, resolve_data_config

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.preprocessing import looked_at
from prettyuseful.engine.pinned import Pinned
from prettyuseful.numerics import Numerics
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import Pretrained, init_classifier, pin_weights


class TimmModel:
    """Pooled features as `timm.create_model(name, pretrained=True, num_classes=0)` gives them.

    Images are prepared as timm prepares them for these weights in evaluation: size, crop, interpolation, mean and
    standard deviation. `weights`: a safetensors file, or a hub id; None for timm's own.

    Raises:
        UnknownNameError: no such model.
        DataError: the weights are not there, or are another model's.
    """

    def __init__(self, name: str, weights: str | None, numerics: Numerics) -> None:
        config = preprocessing(name)
        # One class: the last layer, which another task's weights would not fit, is never asked.
        design = Design(name, 1, config["input_size"][-1])
        self.network: Any = init_classifier(design, 0, Pretrained.at(weights)).network.to(numerics.device).eval()
        self.transform, self.device = create_transform(**config, is_training=False), numerics.device

    def features(self, pixels: Pixels) -> np.ndarray:
        return looked_at(pixels, self._prepared, self._look, self.device)

    def _prepared(self, image: np.ndarray) -> torch.Tensor:
        return cast("torch.Tensor", self.transform(Image.fromarray(image)))

    def _look(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network.forward_head(self.network.forward_features(batch), pre_logits=True))


def preprocessing(name: str) -> dict[str, Any]:
    """What `timm.data.create_transform` needs to prepare images for a model."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return cast("dict[str, Any]", resolve_data_config({}, pretrained_cfg=config.to_dict() if config else {}))


def pinned_weights(name: str, weights: str | None) -> Pinned[str | None]:
    """A model's weights, see `pin_weights`, and what else fixes its features: its name and the preprocessing.

    Raises:
        UnknownNameError: no such model.
        DataError: the weights are not there.
    """
    pinned = pin_weights(name, weights)
    assert isinstance(pinned.content, dict)
    fixed: dict[str, JsonValue] = {"id": name, "preprocessing": json.loads(json.dumps(preprocessing(name)))}
    return Pinned(source=pinned.source, content={**fixed, **pinned.content})
