"""Pretrained timm models as encoders: the features before the last layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, cast

import numpy as np
import timm
import torch
from PIL import Image
from pydantic import JsonValue
from timm.data import create_transform, resolve_data_config

from prettyuseful.data.pixels import Pixels
from prettyuseful.data.threads import preparing_threads
from prettyuseful.encoders.extraction import BATCH, extract_features
from prettyuseful.engine.pinned import Pinned
from prettyuseful.numerics import Numerics
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import Pretrained, init_classifier, pin_weights

_CPU_BATCH = 4
"""On CPUs, larger tensors are given back to the system after each layer, which takes a third of the time."""
_SMALL = 160  # side of images in pixels up to which this does not happen


class TimmModel:
    """Pooled features as returned by `timm.create_model(name, pretrained=True, num_classes=0)`.

    Images are preprocessed by timm's evaluation transform for these weights: size, crop, interpolation, mean and
    standard deviation.

    Args:
        name: a timm id.
        weights: a safetensors file or a hub id; None for timm's own weights.
        numerics: device and threads.
        find: returns where to read these weights.

    Raises:
        UnknownNameError: unknown timm id.
        DataError: the weights are missing or belong to another model.
    """

    def __init__(
        self,
        name: str,
        weights: str | None,
        numerics: Numerics,
        find: Callable[[str | None], Pretrained] = Pretrained.from_source,
    ) -> None:
        config = {**preprocessing_config(name), "fixed_input_size": has_fixed_size(name)}
        # The last layer is not used, so one class suffices.
        design = Design(name, 1, config["input_size"][-1])
        network = init_classifier(design, 0, find(weights)).network.eval()
        # Convolutions on CPUs take half the time in this format.
        self.network: Any = network.to(device=numerics.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.config, self.transform, self.numerics = config, _transform(config), numerics

    def at_size(self, size: int) -> TimmModel:
        """Return this encoder for square images of `size` pixels, which it does not resize if its network allows that.

        Smaller images than those of the training give other features in much less time.
        """
        if self.config["fixed_input_size"]:
            return self
        other = copy(self)
        config = {**self.config, "input_size": (3, size, size), "crop_pct": 1.0}
        other.config, other.transform = config, _transform(config)
        return other

    def features(self, pixels: Pixels) -> np.ndarray:
        device = self.numerics.device
        batch = _CPU_BATCH if device == "cpu" and self.config["input_size"][-1] > _SMALL else BATCH
        return extract_features(
            pixels, self._preprocess, self._forward, device, preparing_threads(self.numerics), batch
        )

    def _preprocess(self, image: np.ndarray) -> torch.Tensor:
        return self.transform(Image.fromarray(image))

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        maps = self.network.forward_features(batch.contiguous(memory_format=torch.channels_last))
        return cast("torch.Tensor", self.network.forward_head(maps, pre_logits=True))


def _transform(config: Mapping[str, Any]) -> Callable[[Image.Image], torch.Tensor]:
    settings = {name: value for name, value in config.items() if name != "fixed_input_size"}
    return cast("Callable[[Image.Image], torch.Tensor]", create_transform(**settings, is_training=False))


def has_fixed_size(name: str) -> bool:
    """Return whether the network of a timm id takes images of one size only."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config.fixed_input_size) if config else True


def preprocessing_config(name: str) -> dict[str, Any]:
    """Return the arguments of `timm.data.create_transform` for a model."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return cast("dict[str, Any]", resolve_data_config({}, pretrained_cfg=config.to_dict() if config else {}))


def pin_timm_weights(name: str, weights: str | None) -> Pinned[str | None]:
    """Pin everything that changes the features of a model: its weights (see `pin_weights`), its name and preprocessing.

    Raises:
        UnknownNameError: unknown timm id.
        DataError: the weights are missing.
    """
    pinned = pin_weights(name, weights)
    assert isinstance(pinned.content, dict)
    fixed: dict[str, JsonValue] = {"id": name, "preprocessing": json.loads(json.dumps(preprocessing_config(name)))}
    return Pinned(source=pinned.source, content={**fixed, **pinned.content})
