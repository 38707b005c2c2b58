"""Transforms of users: any class with the method of `Transform`, named `module:Class`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, one_line
from prettyuseful.fields import RelativePlace, plugin
from prettyuseful.numerics import Numerics
from prettyuseful.plugins import open_plugin, plugin_fingerprint, plugin_id
from prettyuseful.transforms.base import Transform, TransformSource


class Own(TransformSource):
    """A class of the user's, known by the text of its file and by its `version`, if it has one."""

    kind: Literal["own"] = "own"
    transform: Annotated[str, RelativePlace(plugin)] = Field(min_length=1, description="module:Class or file.py:Class")

    def pin(self) -> Pinned[TransformSource]:
        content: dict[str, JsonValue] = {
            "kind": self.kind,
            "transform": plugin_fingerprint(self.transform),
            "version": self.version,
        }
        return Pinned(source=self, content=content)

    def open(self, numerics: Numerics) -> Transform:  # noqa: ARG002
        return Watched(open_custom(self.transform), plugin_id(self.transform))


class Watched:
    """A transform whose results are looked at, in shape and type."""

    def __init__(self, transform: Transform, name: str) -> None:
        self.transform, self.name = transform, name

    def apply(self, images: np.ndarray) -> np.ndarray:
        try:
            result = self.transform.apply(images)
        except (Exception, SystemExit) as error:  # anything may happen in there
            raise DataError(f"{self.name}: apply failed: {type(error).__name__}: {one_line(str(error))}") from error
        if problem := problem_with(result, len(images)):
            raise DataError(f"{self.name}: {problem}; try `prettyuseful check probe`")
        return result


def open_custom(name: str) -> Transform:
    """An object of the class, made without arguments.

    Raises:
        UserError: it cannot be made, or has no `apply`.
    """
    return cast("Transform", open_plugin(name, ("apply",), "probe"))


def problem_with(result: Any, count: int) -> str | None:
    """What is wrong with what a transform returned for `count` images, or None. Looks at shape and type only."""
    if not isinstance(result, np.ndarray):
        return f"it returned a {type(result).__name__}, not a NumPy array"
    if result.ndim != 4 or result.shape[-1] != 3 or 0 in result.shape[1:3]:
        return f"its images have the shape {result.shape}, not (N, height, width, 3)"
    if len(result) != count:
        return f"it returned {len(result)} images for {count}"
    if result.dtype != np.uint8:
        return f"its images are {result.dtype}, not uint8 from 0 to 255"
    return None
