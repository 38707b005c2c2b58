from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from tests.engine.store.places import Place

from prettyuseful.engine.store.base import Store


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder, the simplest object storage, and a server that speaks S3 on loopback."""
    if request.param == "folder":
        return Place(str(tmp_path / "store"), fsspec.filesystem("file"), tmp_path, shared=True)
    if request.param == "memory":
        fs = fsspec.filesystem("memory")
        fs.store.clear()
        return Place("memory://bucket/store", fs, tmp_path, shared=False)
    url = request.getfixturevalue("s3_url")
    fs = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    return Place(f"{url}/store", fs, tmp_path, shared=True)


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()
