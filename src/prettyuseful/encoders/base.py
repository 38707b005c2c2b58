"""What an encoder is: what turns images into features, in which distances mean something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from prettyuseful.data.pixels import Pixels


class Encoder(Protocol):
    """Sees each image by itself, and always in the same way."""

    def features(self, pixels: Pixels) -> np.ndarray:
        """(N, d) float32, a row per image, whatever sizes the N images (at least 1) have.

        Raises:
            UserError: the encoder cannot look at such images.
        """


class TextEncoder(Encoder, Protocol):
    """An encoder that has texts in the same space."""

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """(N, d) float32, a row per text."""
