"""Encoders of users: what they return is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.base import Encoder, TextEncoder
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.errors import DataError
from prettyuseful.plugins import plugin_id


class Checked:
    """An encoder named `module:OBJECT`, whose features are checked for shape, type and finite values."""

    def __init__(self, encoder: Encoder, name: str) -> None:
        self.encoder, self.name = encoder, name

    def features(self, pixels: Pixels) -> np.ndarray:
        with ENCODERS.guard(self.name):
            found = self.encoder.features(pixels)
        return self._checked(found, len(pixels), "images")

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        with ENCODERS.guard(self.name):
            found = cast("TextEncoder", self.encoder).text_features(texts)
        return self._checked(found, len(texts), "texts")

    def _checked(self, found: Any, count: int, of: str) -> np.ndarray:
        if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != count or found.shape[1] == 0:
            what = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
            raise DataError(
                f"encoder {plugin_id(self.name)}: its features of {count} {of} are {what}; return an array (N, d), a "
                "row for each"
            )
        if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise DataError(f"encoder {plugin_id(self.name)}: its features of {of} are not all finite numbers")
        return found.astype(np.float32, copy=False)
