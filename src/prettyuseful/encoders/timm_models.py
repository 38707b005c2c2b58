"""Every pretrained model of timm as an encoder: the features before its last layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.looking import looked_at
from prettyuseful.engine.pinned import Pinned
from prettyuseful.hub.commits import UNRESOLVED, resolve
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.training.classifier import Design
from prettyuseful.training.starts import Pretrained, init_classifier


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
        self.network: Any = init_classifier(design, 0, _pretrained(weights)).network.to(numerics.device).eval()
        self.transform, self.device = create_transform(**config, is_training=False), numerics.device

    def features(self, pixels: Pixels) -> np.ndarray:
        return looked_at(pixels, self._prepared, self._look, self.device)

    def _prepared(self, image: np.ndarray) -> torch.Tensor:
        return cast("torch.Tensor", self.transform(Image.fromarray(image)))

    def _look(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network.forward_head(self.network.forward_features(batch), pre_logits=True))


def _pretrained(weights: str | None) -> Pretrained:
    if weights is None:
        return Pretrained()
    return Pretrained(hub=weights) if is_hub_weights(weights) else Pretrained(Path(weights))


def preprocessing(name: str) -> dict[str, Any]:
    """What `timm.data.create_transform` needs to prepare images for a model."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return cast("dict[str, Any]", resolve_data_config({}, pretrained_cfg=config.to_dict() if config else {}))


def pinned_weights(name: str, weights: str | None) -> Pinned[str | None]:
    """Where a model's weights are, None for what timm fetches by itself, and what fixes its features: the full name or
    the file of the weights, the commit of their repository, and the preprocessing.

    `weights`: a file, a hub id, or None for timm's own. Where the commit of timm's own is not known, their full name
    stands for them, and timm looks for them itself.

    Raises:
        UnknownNameError: no such model.
        DataError: the weights are not there.
    """
    own = weights is None
    named = Pretrained().identity(name) if own else {}
    repository = timm.get_pretrained_cfg(named["id"]).hf_hub_id if own else weights
    content = {"id": name, **named, "preprocessing": json.loads(json.dumps(preprocessing(name)))}
    if repository is None or not is_hub_weights(repository):
        file = {} if weights is None else Pretrained(Path(weights)).identity(name)
        return Pinned[str | None](source=weights, content={**content, **file})
    commit = resolve(repository)
    if own and commit.sha == UNRESOLVED:
        return Pinned[str | None](source=None, content=content)
    return Pinned[str | None](source=commit.id, content={**content, **commit.content})


def is_hub_weights(place: str) -> bool:
    """Whether weights are named by a hub id, not by a file."""
    return is_hub_id(place) and not place.endswith(".safetensors") and not Path(place).exists()
