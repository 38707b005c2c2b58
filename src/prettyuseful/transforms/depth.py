"""Depth maps by depth-estimation models of the transformers library."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from prettyuseful.data.threads import map_in_order, preparing_threads
from prettyuseful.errors import DataError
from prettyuseful.hub.pretrained import ModelKind, load_pretrained
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import grey_image, min_max_scale

_BATCH = 8  # images; part of the version of `Depth`, because it can change the last bits
_MIN_RANGE = 1e-6  # in fractions of the largest value: rounding errors of float32
_DEPTH_MODEL = ModelKind(
    AutoModelForDepthEstimation,
    AutoImageProcessor,
    "depth model",
    "it is not a depth-estimation model of transformers, or is incomplete; choose a depth-estimation model",
)


class DepthMap:
    """Depth maps by a model from a folder or the hub (`owner/name` or `owner/name@revision`).

    Images pass through it in batches of one size; the last one is filled, so a map does not depend on other images.

    The library resizes each map back to the size of the image (bicubic). Code and pickles of the model are never run.

    Raises:
        DataError: the model cannot be loaded, lacks weights, or gives depth that is not finite.
    """

    def __init__(self, location: str, numerics: Numerics) -> None:
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, model = load_pretrained(_DEPTH_MODEL, location, self.dtype)
        self.model, self.threads = model.to(self.device).eval(), preparing_threads(numerics)

    def apply(self, images: np.ndarray) -> np.ndarray:
        filled = np.arange(0, len(images) + -len(images) % _BATCH).clip(max=len(images) - 1).reshape(-1, _BATCH)
        batches = map_in_order(lambda rows: self._prepare(images[rows]), filled, self.threads)
        return np.concatenate([self._depth_maps(batch, images.shape[1:3]) for batch in batches])[: len(images)]

    def _prepare(self, images: np.ndarray) -> Any:
        return self.processor(images=[Image.fromarray(image) for image in images], return_tensors="pt")

    @torch.inference_mode()
    def _depth_maps(self, batch: Any, size: tuple[int, int]) -> np.ndarray:
        output = self.model(**batch.to(self.device, dtype=self.dtype))
        output["predicted_depth"] = output["predicted_depth"].float()
        # The size is a positional argument: most models resize to it, ZoeDepth removes its padding.
        sizes = [size] * len(output["predicted_depth"])
        maps = [result["predicted_depth"] for result in self.processor.post_process_depth_estimation(output, sizes)]
        return np.stack([self._grey(depth, size) for depth in maps])

    def _grey(self, depth: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
        if depth.shape != size:
            depth = torch.nn.functional.interpolate(depth.reshape(1, 1, *depth.shape[-2:]), size, mode="bicubic")[0, 0]
        values = depth.cpu().double().numpy()
        if not np.isfinite(values).all():
            raise DataError(
                f"the depth model gives depth that is not finite in {self.dtype}; set numerics.dtype: float32"
            )
        return grey_image(min_max_scale(values - values.min(), _MIN_RANGE * np.abs(values).max()))
