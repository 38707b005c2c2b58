"""CLIP and DINOv2 from the transformers library, each with its own image processor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoProcessor, CLIPModel, Dinov2Model

from prettyuseful.data.pixels import Pixels
from prettyuseful.data.threads import preparing_threads
from prettyuseful.encoders.extraction import extract_features
from prettyuseful.encoders.table import CLIP_H_14
from prettyuseful.hub.pretrained import ModelKind, load_pretrained
from prettyuseful.numerics import Numerics
from prettyuseful.paths import is_folder

_CLIP = ModelKind(
    CLIPModel, AutoProcessor, "encoder", "it is not a CLIP model of transformers, or incomplete; give a CLIP model"
)
_DINOV2 = ModelKind(
    Dinov2Model,
    AutoImageProcessor,
    "encoder",
    "it is not a DINOv2 model of transformers, or incomplete; give a DINOv2 model",
)


class _HubEncoder(ABC):
    """A model from a folder or from the hub (`owner/name` or `owner/name@revision`), in float32.

    Raises:
        DataError: the model cannot be loaded, or weights are missing.
    """

    def __init__(self, kind: ModelKind, path_or_id: str, numerics: Numerics, processor: str | None = None) -> None:
        self.processor, network = load_pretrained(kind, path_or_id, torch.float32, processor)
        self._use(network, numerics)

    def _use(self, network: Any, numerics: Numerics) -> None:
        self.network, self.device = network.to(numerics.device).eval(), numerics.device
        self.threads = preparing_threads(numerics)

    def features(self, pixels: Pixels) -> np.ndarray:
        return extract_features(pixels, self._preprocess, self._forward, self.device, self.threads)

    def _preprocess(self, image: np.ndarray) -> torch.Tensor:
        inputs = self.processor(images=Image.fromarray(image), return_tensors="pt")
        return cast("torch.Tensor", inputs["pixel_values"][0])

    @abstractmethod
    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the features (N, d) of a batch of preprocessed images."""


class Clip(_HubEncoder):
    """CLIP's projected image and text embeddings (Radford et al. 2021), as returned by `CLIPModel.get_image_features`.

    They are not normalised; metrics based on cosine similarity normalise them.

    `processor`: folder or hub id of the image processor and tokenizer; by default those of the model.
    """

    def __init__(self, path_or_id: str, numerics: Numerics, processor: str | None = None) -> None:
        super().__init__(_CLIP, path_or_id, numerics, processor)

    @property
    def logit_scale(self) -> float:
        """The factor by which the model multiplies cosine similarities, `exp` of its parameter `logit_scale`."""
        return float(self.network.logit_scale.detach().double().exp())

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network.visual_projection(self.network.vision_model(batch).pooler_output))

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Return features (N, d) float32, as `CLIPModel.get_text_features`; long texts are truncated."""
        return np.concatenate([self._encode_text(text) for text in texts])

    def _encode_text(self, text: str) -> np.ndarray:
        tokens: Any = self.processor(text=[text], return_tensors="pt", truncation=True).to(self.device)
        pooled = self.network.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output
        return cast("np.ndarray", self.network.text_projection(pooled).float().cpu().numpy())


class ClipH14(Clip):
    """CLIP ViT-H/14 of OpenCLIP (Cherti et al. 2023), or a model that is fine-tuned from it, such as PickScore."""

    def __init__(self, path_or_id: str, numerics: Numerics) -> None:
        super().__init__(path_or_id, numerics, None if is_folder(path_or_id) else CLIP_H_14.processor)


class Dinov2(_HubEncoder):
    """DINOv2's class token after the last layer norm (Oquab et al. 2023), `pooler_output` of `Dinov2Model`."""

    def __init__(self, path_or_id: str, numerics: Numerics) -> None:
        super().__init__(_DINOV2, path_or_id, numerics)

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.network(batch).pooler_output)
