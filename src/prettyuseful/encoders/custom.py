"""Validates the output of user-defined encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.base import Encoder, TextEncoder
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import DataError
from prettyuseful.plugins import plugin_id


class CheckedEncoder:
    """Wraps a user-defined encoder and validates the shape, type and finiteness of its features."""

    def __init__(self, encoder: Encoder, name: str) -> None:
        self.encoder, self.name = encoder, name

    def features(self, pixels: Pixels) -> np.ndarray:
        with ENCODERS.guard(self.name):
            features = self.encoder.features(pixels)
        return self._validate(features, len(pixels), "images")

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        with ENCODERS.guard(self.name):
            features = cast("TextEncoder", self.encoder).text_features(texts)
        return self._validate(features, len(texts), "texts")

    def _validate(self, features: Any, count: int, unit: str) -> np.ndarray:
        if (
            not isinstance(features, np.ndarray)
            or features.ndim != 2
            or len(features) != count
            or features.shape[1] == 0
        ):
            description = (
                f"an array of shape {features.shape}"
                if isinstance(features, np.ndarray)
                else f"a {type(features).__name__}"
            )
            raise DataError(
                f"encoder {plugin_id(self.name)}: its features of {count} {unit} are {description}; "
                "return an array (N, d) with one row each"
            )
        if features.dtype.kind not in "fiu" or not np.isfinite(features).all():
            raise DataError(
                f"encoder {plugin_id(self.name)}: its features of {unit} are not all finite; return finite numbers"
            )
        return features.astype(np.float32, copy=False)
