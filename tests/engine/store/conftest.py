from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from tests.engine.store.locations import StoreLocation

from prettyuseful.engine.store.base import Store


@pytest.fixture(params=["folder", "memory", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> StoreLocation:
    """A folder, object storage in memory, and an S3 server on the loopback interface."""
    if request.param == "folder":
        return StoreLocation(str(tmp_path / "store"), fsspec.filesystem("file"), tmp_path, shared=True)
    if request.param == "memory":
        fs = fsspec.filesystem("memory")
        fs.store.clear()
        return StoreLocation("memory://bucket/store", fs, tmp_path, shared=False)
    url = request.getfixturevalue("s3_url")
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    return StoreLocation(f"{url}/store", fs, tmp_path, shared=True)


@pytest.fixture
def store(location: StoreLocation) -> Store:
    return location.open()
