"""User-defined generators: any class with the two methods of `Generator`, given as `module:Class`."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from prettyuseful.generators.base import Generator, Request
from prettyuseful.plugins import instantiate_plugin


def open_custom(name: str) -> Generator:
    """Create an object of the class `module:Class`, without arguments.

    Raises:
        UserError: the class cannot be imported or created, or a method is missing.
    """
    return cast("Generator", instantiate_plugin(name, ("generate", "applied"), "generator"))


def output_problem(images: Any, request: Request) -> str | None:
    """Return what is wrong with the shape or type of a generator's output, or None. Pixel values are not checked."""
    shape, dtype = getattr(images, "shape", None), str(getattr(images, "dtype", None)).removeprefix("torch.")
    if shape is None:
        return f"it returned a {type(images).__name__}, not an array or a tensor"
    if len(shape) != 4 or shape[-1] != 3:
        return f"its images have the shape {tuple(shape)}, not (N, height, width, 3)"
    if shape[0] != len(request.seeds):
        return f"it returned {shape[0]} images for {len(request.seeds)} seeds"
    if dtype != "uint8":
        values = as_array(images.float() if hasattr(images, "float") else images)
        broken = int((~np.isfinite(values).all(axis=(1, 2, 3))).sum()) if values.dtype.kind == "f" else 0
        not_finite = f", and {broken} of {shape[0]} hold values that are not finite (NaN or infinite)" if broken else ""
        return f"its images are {dtype}, not uint8 from 0 to 255{not_finite}"
    return None


def as_array(images: Any) -> np.ndarray:
    """Return images as a numpy array; tensors are copied to the CPU."""
    return np.asarray(images.cpu() if hasattr(images, "cpu") else images)
