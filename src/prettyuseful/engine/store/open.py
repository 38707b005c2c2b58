"""From a path or URL to a store."""

from __future__ import annotations

import os
from pathlib import Path

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError


def open_store(place: Path | str, must_exist: bool = False) -> Store:
    """The store in a folder, which is made if it is not there, or at the URL of object storage (`s3://bucket/folder`).

    Raises:
        StoreError: it cannot be written, is of an unknown kind, or is not there although it must be.
    """
    if must_exist and not exists(place):
        raise StoreError(f"there is no store at {place}; name the one of your runs with --store")
    if url := _url(place):
        from prettyuseful.engine.store.remote import RemoteStore

        return RemoteStore(url, _cache())
    return LocalStore(_folder(place))


def exists(place: Path | str) -> bool:
    """Whether a store is there already. Makes nothing."""
    if url := _url(place):
        from prettyuseful.engine.store.remote import RemoteStore

        return RemoteStore.exists(url)
    return (_folder(place) / "manifests").is_dir()


def _url(place: Path | str) -> str | None:
    return place if isinstance(place, str) and "://" in place and not place.startswith("file://") else None


def _folder(place: Path | str) -> Path:
    return Path(str(place).removeprefix("file://"))


def _cache() -> Path:
    """`$PRETTYUSEFUL_CACHE`, or a folder of our own where caches are kept."""
    if own := os.environ.get("PRETTYUSEFUL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "prettyuseful"
