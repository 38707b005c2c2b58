"""Depth maps by any depth-estimation model of the transformers library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.quiet import quiet
from prettyuseful.transforms.base import each, grey, spread_out

_FLAT = 1e-6  # of the largest value: the noise of float32
_SHOWN = 200


class DepthMap:
    """A model from a folder or from the hub (`owner/name`, or `owner/name@revision`), one image at a time.

    Resized back to the image's size as the library does it (bicubic). Code and pickles that come with a model are
    never run.

    Raises:
        DataError: the model cannot be loaded, or lacks weights; or its depth is not finite.
    """

    def __init__(self, place: str, numerics: Numerics) -> None:
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, model = _load(place, self.dtype)
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


def _load(model: str, dtype: torch.dtype) -> tuple[Any, Any]:
    place, _, revision = (model, "", "") if Path(model).is_dir() else model.partition("@")
    name = Path(place).resolve().name if Path(place).is_dir() else model
    options = {"revision": revision or None, "trust_remote_code": False}
    try:
        with quiet():
            # `torch_dtype` is called `dtype` since transformers 4.56; the old name works in every version we support.
            network, report = AutoModelForDepthEstimation.from_pretrained(
                place, torch_dtype=dtype, use_safetensors=True, output_loading_info=True, **options
            )
            processor = AutoImageProcessor.from_pretrained(place, **options)
    except Exception as error:  # a library may raise anything on a folder that anyone made
        raise DataError(f"cannot load the depth model {name!r}: {_why(place, error)}") from error
    if lacking := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise DataError(
            f"the weights of the depth model {name!r} are incomplete and would be filled with random numbers: "
            f"{', '.join(lacking)[:_SHOWN]}; get the model again"
        )
    return processor, network


def _why(place: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "gated repo" in text:
        return "it is gated; accept its licence on the model's page, log in with `hf auth login`, and run again"
    if "trust_remote_code" in text:
        return "it comes with code of its own, which is never run; name a model that transformers knows"
    if "Unrecognized configuration class" in text or "Unrecognized image processor" in text:
        return "it is no depth-estimation model of transformers, or not whole; name one that estimates depth"
    if Path(place).is_dir():
        return f"{text[:_SHOWN]}; get the model again"
    if "couldn't connect" in text or "offline mode" in text:
        return (
            "its weights are not on this machine and the hub cannot be reached; run "
            f"`hf download {place}` where there is a network, or name a local folder"
        )
    return f"{text[:_SHOWN]}; check the id, or download it and name its folder"
