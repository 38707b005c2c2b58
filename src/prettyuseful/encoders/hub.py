"""CLIP and DINOv2 by the transformers library: the library's networks, behind each model's own image processor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoProcessor, CLIPModel, Dinov2Model

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.preprocessing import looked_at
from prettyuseful.hub.pretrained import Kind, load_pretrained
from prettyuseful.numerics import Numerics

_CLIP = Kind(CLIPModel, AutoProcessor, "encoder", "it is no CLIP model of transformers, or not whole; name one that is")
_DINOV2 = Kind(
    Dinov2Model, AutoImageProcessor, "encoder", "it is no DINOv2 model of transformers, or not whole; name one that is"
)


class _OfHub(ABC):
    """A model from a folder or from the hub (`owner/name`, or `owner/name@revision`), in float32.

    Raises:
        DataError: it cannot be loaded, or lacks weights.
    """

    def __init__(self, kind: Kind, place: str, numerics: Numerics) -> None:
        self.processor, network = load_pretrained(kind, place, torch.float32)
        self.network, self.device = network.to(numerics.device).eval(), numerics.device

    def features(self, pixels: Pixels) -> np.ndarray:
        return looked_at(pixels, self._prepared, self._look, self.device)

    def _prepared(self, image: np.ndarray) -> torch.Tensor:
        shown = self.processor(images=Image.fromarray(image), return_tensors="pt")
        return cast("torch.Tensor", shown["pixel_values"][0])

    @abstractmethod
    def _look(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, d) of a batch of prepared images."""


class Clip(_OfHub):
    """CLIP's projected image and text embeddings (Radford et al. 2021), as `CLIPModel.get_image_features` has them.

    They are not of length 1: metrics that compare directions divide by it themselves.
    """

    def __init__(self, place: str, numerics: Numerics) -> None:
        super().__init__(_CLIP, place, numerics)

    def _look(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network.visual_projection(self.network.vision_model(batch).pooler_output))

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """(N, d) float32, as `CLIPModel.get_text_features`; what is longer than the model takes is cut."""
        return np.concatenate([self._of_text(text) for text in texts])

    def _of_text(self, text: str) -> np.ndarray:
        tokens: Any = self.processor(text=[text], return_tensors="pt", truncation=True).to(self.device)
        pooled = self.network.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output
        return cast("np.ndarray", self.network.text_projection(pooled).float().cpu().numpy())


class Dinov2(_OfHub):
    """DINOv2's class token after the last layer norm (Oquab et al. 2023): `pooler_output` of `Dinov2Model`."""

    def __init__(self, place: str, numerics: Numerics) -> None:
        super().__init__(_DINOV2, place, numerics)

    def _look(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network(batch).pooler_output)
