"""What a transform is: a deterministic change of images. Probes, planted defects and interventions are made of them."""

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
    """Changes images: always in the same way, and each by itself."""

    def apply(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 to (N, H', W', 3) uint8, N at least 1; `images` may be read-only and stays as it is.

        Image i of the result depends on image i alone: not on the batch, its order, or what came before.

        Raises:
            UserError: the transform cannot be used on such images.
        """


class TransformSource(BaseModel, ABC):
    """A transform as a study file says it: frozen data, told apart by the field `kind`.

    `version` rises when equal fields would give other pixels than before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = 1
    kind: str

    def model_post_init(self, _: Any) -> None:
        # It tells transforms apart wherever they are written down, also where Python code left it to its default.
        self.model_fields_set.add("kind")

    def pin(self) -> Pinned[TransformSource]:
        """With exactly what changes the output: settings, and the content of weights and files, no paths.

        Raises:
            UserError: what it names is not there.
        """
        return Pinned(source=self, content={**self.model_dump(mode="json"), "version": self.version})

    @abstractmethod
    def open(self, numerics: Numerics) -> Transform:
        """The transform itself, with its weights loaded if it has any.

        Raises:
            UserError: its weights cannot be loaded.
        """


class Formula(TransformSource):
    """A transform whose settings are all there is to it: no weights, always on the CPU, in doubles or by Pillow."""

    def open(self, numerics: Numerics) -> Transform:  # noqa: ARG002
        return self

    def apply(self, images: np.ndarray) -> np.ndarray:
        return each(images, self.changed)

    @abstractmethod
    def changed(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 to (H', W', 3) uint8."""


def each(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`change` of every image by itself: vectorised over a batch, last bits may depend on the neighbours."""
    return np.stack([change(image) for image in images])


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Floats, clipped to 0-1, as uint8, rounded."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def grey(values: np.ndarray) -> np.ndarray:
    """An (H, W) map in 0-1 as an (H, W, 3) uint8 image of three equal channels."""
    return np.repeat(to_bytes(values)[:, :, None], 3, axis=2)


def scaled(side: int, factor: float) -> int:
    """A side of so many pixels times `factor`, in whole pixels, at least one."""
    return max(1, round(side * factor))


def resized(
    image: np.ndarray, height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """An (H, W, 3) uint8 image, or its box (left, upper, right, lower), by Pillow's bicubic filter, anti-aliased."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box))


def generator_of(image: np.ndarray, seed: int) -> np.random.Generator:
    """Random numbers that come from `seed` and the image's size and bytes: the same for equal images, anywhere."""
    return np.random.default_rng(list(hashlib.sha256(f"{seed} {image.shape}".encode() + image.tobytes()).digest()))


def spread_out(values: np.ndarray, flat: float) -> np.ndarray:
    """`values` min-max scaled to 0-1; unchanged if they lie within `flat` of each other, where there is only noise."""
    low, high = values.min(), values.max()
    return values if high - low <= flat else (values - low) / (high - low)
