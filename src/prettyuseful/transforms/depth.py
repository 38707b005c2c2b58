"""Depth maps by any depth-estimation model of the transformers library."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from prettyuseful.errors import DataError
from prettyuseful.hub.pretrained import Kind, load_pretrained
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import each, grey, spread_out

_FLAT = 1e-6  # of the largest value: the noise of float32
_ESTIMATING = Kind(
    AutoModelForDepthEstimation,
    AutoImageProcessor,
    "depth model",
    "it is no depth-estimation model of transformers, or not whole; name one that estimates depth",
)


class DepthMap:
    """A model from a folder or from the hub (`owner/name`, or `owner/name@revision`), one image at a time.

    Resized back to the image's size as the library does it (bicubic). Code and pickles that come with a model are
    never run.

    Raises:
        DataError: the model cannot be loaded, or lacks weights; or its depth is not finite.
    """

    def __init__(self, place: str, numerics: Numerics) -> None:
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, model = load_pretrained(_ESTIMATING, place, self.dtype)
        self.model = model.to(self.device).eval()

    def apply(self, images: np.ndarray) -> np.ndarray:
        return each(images, self._mapped)

    @torch.inference_mode()
    def _mapped(self, image: np.ndarray) -> np.ndarray:
        size = image.shape[:2]
        inputs = self.processor(images=Image.fromarray(image), return_tensors="pt").to(self.device, dtype=self.dtype)
        output = self.model(**inputs)
        output["predicted_depth"] = output["predicted_depth"].float()
        # The size goes by position: it is the size to resize to for most models, and to cut padding for ZoeDepth.
        depth = self.processor.post_process_depth_estimation(output, [size])[0]["predicted_depth"]
        if depth.shape != size:
            depth = torch.nn.functional.interpolate(depth.reshape(1, 1, *depth.shape[-2:]), size, mode="bicubic")[0, 0]
        values = depth.cpu().double().numpy()
        if not np.isfinite(values).all():
            raise DataError(f"the depth model gives no finite depth in {self.dtype}; take numerics.dtype: float32")
        return grey(spread_out(values - values.min(), _FLAT * np.abs(values).max()))
