"""Real pictures to try transforms on, and tiny pipelines that no test changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.generators.tiny import build

from prettyuseful.data.images import decode, to_square
from prettyuseful.tasks.photos import PHOTOGRAPHS, PhotosTask, load_photograph

NEGATIVE = "class Negative:\n    def apply(self, images):\n        return 255 - images\n"


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    """(48, 32, 32, 3): three crops of each photograph, from the task `photos`."""
    rows = PhotosTask().images("train", 3)
    return np.stack([to_square(decode(row.data, row.path), 32) for row in rows])


@pytest.fixture(scope="session")
def photographs() -> list[np.ndarray]:
    """Five whole photographs, 300 to 512 px high, most of them not square."""
    wanted = ("astronaut", "cat", "coffee", "flower", "temple")
    return [load_photograph(photograph) for photograph in PHOTOGRAPHS if photograph.name in wanted]


@pytest.fixture(scope="session")
def squares() -> np.ndarray:
    """(16, 96, 96, 3): every photograph, small."""
    return np.stack([to_square(Image.fromarray(load_photograph(photograph)), 96) for photograph in PHOTOGRAPHS])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline."""
    root = tmp_path_factory.mktemp("families")
    return cache(lambda family: build(family, root / family))


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The name of a user-defined transform that inverts images."""
    (tmp_path / "negative.py").write_text(NEGATIVE)
    return f"{tmp_path / 'negative.py'}:Negative"
