"""Images of several sizes."""

from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.data.pixels import Pixels


@pytest.fixture(scope="session")
def pixels() -> Pixels:
    """Nineteen images of three sizes (more than one batch): noise, and one of constant colour."""
    rng = np.random.default_rng(0)
    sizes = np.array([[40, 56], [64, 32], [33, 33]])[np.arange(19) % 3]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    images[5][:] = 128
    shard = np.concatenate([image.reshape(-1) for image in images])
    return Pixels((shard,), sizes, np.arange(19) % 2, np.array([f"g{i}" for i in range(19)]))
