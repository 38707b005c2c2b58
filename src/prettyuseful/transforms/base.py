"""The transform interface: a deterministic change of images, for probes, planted defects and interventions."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict

from prettyuseful.engine.pinned import Pinned
from prettyuseful.numerics import Numerics


class Transform(Protocol):
    """A deterministic change of images, independent for each image."""

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Transform a batch of images.

        Image i of the result depends on image i only, not on other images of the batch, their order or earlier calls.

        Args:
            images: (N, H, W, 3) uint8, N at least 1. It may be read-only, and must not be changed.

        Returns:
            (N, H', W', 3) uint8.

        Raises:
            UserError: the transform cannot be used on such images.
        """


class TransformSource(BaseModel, ABC):
    """A transform as written in a study file. The field `kind` determines the class.

    `version` is increased when the same settings start to give different pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = 1
    kind: str

    @property
    def uses_device(self) -> bool:
        """Whether it may compute on an accelerator. Steps of other transforms reserve none, and run beside those."""
        return True

    def numerics(self, available: Numerics) -> Numerics:
        """Return those of the settings that can change the pixels."""
        return available if self.uses_device else Numerics(threads=available.threads)

    def model_post_init(self, _: Any) -> None:
        # `kind` must be serialised even if Python code left it at its default, because it determines the class.
        self.model_fields_set.add("kind")

    def pin(self) -> Pinned[TransformSource]:
        """Return this transform with everything that determines its output: settings and contents of files, no paths.

        Raises:
            UserError: a model or file does not exist.
        """
        return Pinned(source=self, content={**self.model_dump(mode="json"), "version": self.version})

    @abstractmethod
    def open(self, numerics: Numerics) -> Transform:
        """Return the transform, with its weights loaded if it has any.

        Raises:
            UserError: the weights cannot be loaded.
        """


class Formula(TransformSource):
    """A transform without weights. It is computed on the CPU, in float64 or by Pillow."""

    @property
    def uses_device(self) -> bool:
        return False

    def open(self, numerics: Numerics) -> Transform:  # noqa: ARG002
        return self

    def apply(self, images: np.ndarray) -> np.ndarray:
        return map_images(images, self.transform_image)

    @abstractmethod
    def transform_image(self, image: np.ndarray) -> np.ndarray:
        """Transform one image, (H, W, 3) uint8 to (H', W', 3) uint8."""


def map_images(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `change` to each image separately. A vectorised call could change last bits with the batch."""
    return np.stack([change(image) for image in images])


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Clip floats to 0-1, scale them to 0-255 and round them to uint8."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def grey_image(values: np.ndarray) -> np.ndarray:
    """Convert an (H, W) map in 0-1 to an (H, W, 3) uint8 image with three equal channels."""
    return np.repeat(to_uint8(values)[:, :, None], 3, axis=2)


def scaled_side(side: int, factor: float) -> int:
    """Return `side` times `factor`, rounded to whole pixels, at least 1."""
    return max(1, round(side * factor))


def resize_image(
    image: np.ndarray, height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Resize an (H, W, 3) uint8 image, or its box (left, upper, right, lower), by Pillow's bicubic filter."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box))


def image_generator(image: np.ndarray, seed: int) -> np.random.Generator:
    """Return a random generator seeded with `seed` and the image, so that equal images get equal random numbers."""
    return np.random.default_rng(list(hashlib.sha256(f"{seed} {image.shape}".encode() + image.tobytes()).digest()))


def min_max_scale(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Scale values linearly to 0-1. If their range is at most `tolerance`, which is noise, return them unchanged."""
    low, high = values.min(), values.max()
    return values if high - low <= tolerance else (values - low) / (high - low)
