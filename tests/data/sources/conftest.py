"""Six small images of two classes, as a generator leaves them."""

from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import encode_png
from prettyuseful.data.stored_format import StoredFormat

CLASSES = ("polar bear", "dog")


@pytest.fixture(scope="session")
def classes() -> tuple[str, ...]:
    return CLASSES


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    result = []
    for i in range(6):
        label, pixels = i % 2, np.full((8, 8, 3), 40 * i, np.uint8)
        data, suffix = (encode_png(pixels), "png") if i < 2 else (StoredFormat(name="jpeg").encode(pixels), "jpg")
        path = f"{CLASSES[label]}/{i:06d}.{suffix}"
        result.append(Row(data, path, label, f"block {i}", "left", f"a {CLASSES[label]}, é", 2**62 + i, "pocket"))
    return result
