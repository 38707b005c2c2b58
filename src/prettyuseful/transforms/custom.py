"""User-defined transforms: classes with the method of `Transform`, named by `module:Class`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.fields import RelativePath, resolve_plugin
from prettyuseful.numerics import Numerics
from prettyuseful.plugins import instantiate_plugin, plugin_fingerprint, plugin_id
from prettyuseful.redaction.exceptions import describe_error
from prettyuseful.transforms.base import Transform, TransformSource


class CustomTransform(TransformSource):
    """A user-defined class. The text of its file and its `version`, if it has one, identify it."""

    kind: Literal["own"] = "own"
    transform: Annotated[str, RelativePath(resolve_plugin)] = Field(
        min_length=1, description="module:Class or file.py:Class"
    )

    def pin(self) -> Pinned[TransformSource]:
        content: dict[str, JsonValue] = {
            "kind": self.kind,
            "transform": plugin_fingerprint(self.transform),
            "version": self.version,
        }
        return Pinned(source=self, content=content)

    def open(self, numerics: Numerics) -> Transform:  # noqa: ARG002
        return CheckedTransform(load_custom_transform(self.transform), plugin_id(self.transform))


class CheckedTransform:
    """A user-defined transform with checks of the shape and type of its results."""

    def __init__(self, transform: Transform, name: str) -> None:
        self.transform, self.name = transform, name

    def apply(self, images: np.ndarray) -> np.ndarray:
        try:
            result = self.transform.apply(images)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # user-defined code may raise anything
            raise DataError(f"{self.name}: apply failed: {describe_error(error)}") from error
        if problem := output_problem(result, len(images)):
            raise DataError(f"{self.name}: {problem}; run `prettyuseful check probe`")
        return result


def load_custom_transform(name: str) -> Transform:
    """Return an instance of a user-defined class, created without arguments.

    Args:
        name: `module:Class` or `file.py:Class`.

    Raises:
        UserError: the class cannot be imported or instantiated, or has no method `apply`.
    """
    return cast("Transform", instantiate_plugin(name, ("apply",), "probe"))


def output_problem(result: Any, count: int) -> str | None:
    """Return what is wrong with the shape or type of a transform's result for `count` images, or None."""
    if not isinstance(result, np.ndarray):
        return f"it returned a {type(result).__name__}, not a NumPy array"
    if result.ndim != 4 or result.shape[-1] != 3 or 0 in result.shape[1:3]:
        return f"its images have the shape {result.shape}, not (N, height, width, 3)"
    if len(result) != count:
        return f"it returned {len(result)} images for {count}"
    if result.dtype != np.uint8:
        return f"its images are {result.dtype}, not uint8 from 0 to 255"
    return None
