"""Depth maps by depth-estimation models of the transformers library."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from prettyuseful.errors import DataError
from prettyuseful.hub.pretrained import ModelKind, load_pretrained
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import grey_image, map_images, min_max_scale

_MIN_RANGE = 1e-6  # in fractions of the largest value: rounding errors of float32
_DEPTH_MODEL = ModelKind(
    AutoModelForDepthEstimation,
    AutoImageProcessor,
    "depth model",
    "it is not a depth-estimation model of transformers, or is incomplete; choose a depth-estimation model",
)


class DepthMap:
    """Depth maps by a model from a folder or the hub (`owner/name` or `owner/name@revision`), one image at a time.

    The library resizes each map back to the size of the image (bicubic). Code and pickles of the model are never run.

    Raises:
        DataError: the model cannot be loaded, lacks weights, or gives depth that is not finite.
    """

    def __init__(self, location: str, numerics: Numerics) -> None:
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, model = load_pretrained(_DEPTH_MODEL, location, self.dtype)
        self.model = model.to(self.device).eval()

    def apply(self, images: np.ndarray) -> np.ndarray:
        return map_images(images, self._depth_map)

    @torch.inference_mode()
    def _depth_map(self, image: np.ndarray) -> np.ndarray:
        size = image.shape[:2]
        inputs = self.processor(images=Image.fromarray(image), return_tensors="pt").to(self.device, dtype=self.dtype)
        output = self.model(**inputs)
        output["predicted_depth"] = output["predicted_depth"].float()
        # The size is a positional argument: most models resize to it, ZoeDepth removes its padding.
        depth = self.processor.post_process_depth_estimation(output, [size])[0]["predicted_depth"]
        if depth.shape != size:
            depth = torch.nn.functional.interpolate(depth.reshape(1, 1, *depth.shape[-2:]), size, mode="bicubic")[0, 0]
        values = depth.cpu().double().numpy()
        if not np.isfinite(values).all():
            raise DataError(
                f"the depth model gives depth that is not finite in {self.dtype}; set numerics.dtype: float32"
            )
        return grey_image(min_max_scale(values - values.min(), _MIN_RANGE * np.abs(values).max()))
