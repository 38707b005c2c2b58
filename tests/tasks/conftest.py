"""Tiny data sets as `datasets` reads them, in a cache of the test's own, and no way to the hub."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def picture(number: int) -> bytes:
    """A PNG of 4 x 4 pixels, different for every number below 65536."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (number % 256, number // 256, 90)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def make_dataset(labels: Sequence[int | str | None], names: Sequence[str] | None = None, first: int = 0) -> Any:
    """A `datasets.Dataset`: one picture per label, numbered from `first`; a ClassLabel if it has names."""
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as ImageFeature

    label = ClassLabel(names=list(names)) if names else Value("string" if isinstance(labels[0], str) else "int64")
    images = [{"bytes": picture(first + i), "path": None} for i in range(len(labels))]
    features = Features({"image": ImageFeature(), "label": label})
    return Dataset.from_dict({"image": images, "label": list(labels)}, features=features)


def save_parquet(folder: Path, **splits: Any) -> Path:
    """A folder with one Parquet file per split, as a hub repository has it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in splits.items():
        split.to_parquet(folder / f"{name}-00000-of-00001.parquet")
    return folder
