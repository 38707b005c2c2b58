"""Generators of users: any class with the two methods of `Generator`, named `module:Class`."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from prettyuseful.generators.base import Generator, Request
from prettyuseful.plugins import open_plugin


def open_custom(name: str) -> Generator:
    """An object of the class, made without arguments.

    Raises:
        UserError: it cannot be made, or lacks a method.
    """
    return cast("Generator", open_plugin(name, ("generate", "applied"), "generator"))


def problem_with(images: Any, request: Request) -> str | None:
    """What is wrong with what a generator returned, or None. Looks at shape and type, not at pixels."""
    shape, dtype = getattr(images, "shape", None), str(getattr(images, "dtype", None)).removeprefix("torch.")
    if shape is None:
        return f"it returned a {type(images).__name__}, not an array or a tensor"
    if len(shape) != 4 or shape[-1] != 3:
        return f"its images have the shape {tuple(shape)}, not (N, height, width, 3)"
    if shape[0] != len(request.seeds):
        return f"it returned {shape[0]} images for {len(request.seeds)} seeds"
    if dtype != "uint8":
        return f"its images are {dtype}, not uint8 from 0 to 255"
    return None


def as_array(images: Any) -> np.ndarray:
    """Images on the CPU as an array, whatever they were."""
    return np.asarray(images.cpu() if hasattr(images, "cpu") else images)
