"""The interface of encoders, which turn images into feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from prettyuseful.data.pixels import Pixels


class Encoder(Protocol):
    """Turns images into features, deterministically; the features of an image do not depend on other images."""

    def features(self, pixels: Pixels) -> np.ndarray:
        """Return features (N, d) float32, one row per image; the N >= 1 images may have different sizes.

        Raises:
            UserError: the encoder does not support these images.
        """


@runtime_checkable
class ResizingEncoder(Protocol):
    """An encoder that resizes images to the size of its training, and can do without."""

    def at_size(self, size: int) -> Encoder:
        """Return this encoder for square images of `size` pixels, which it leaves at that size if it can."""


class TextEncoder(Encoder, Protocol):
    """An encoder that also maps texts into the same feature space."""

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Return features (N, d) float32, one row per text."""
