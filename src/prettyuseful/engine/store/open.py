"""Opens stores by path or URL."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError

_MAX_PATH, _MAX_NAME = 3900, 255
"""Bytes. The system allows 4095 for a path; the longest one in a store has 150 more than the store's own."""


def open_store(location: Path | str, must_exist: bool = False, writable: bool = True) -> Store:
    """Open the store in a folder or at a URL of object storage (`s3://bucket/folder`). Create it if it does not exist.

    Args:
        location: a folder or a URL.
        must_exist: do not create a store.
        writable: if false, nothing is created or written; artifacts can be read and verified.

    Raises:
        StoreError: the store cannot be written, is of an unknown kind, or does not exist although it must.
    """
    if must_exist and not store_exists(location):
        raise StoreError(f"there is no store at {location}; give the store of your runs with --store")
    if url := _url(location):
        from prettyuseful.engine.store.remote import RemoteStore

        return RemoteStore(url, _cache(), writable)
    return LocalStore(_folder(location), writable)


def store_exists(location: Path | str) -> bool:
    """Whether a store exists. Creates nothing."""
    if url := _url(location):
        from prettyuseful.engine.store.remote import RemoteStore

        return RemoteStore.exists(url)
    try:
        return stat.S_ISDIR((_folder(location).expanduser() / "manifests").stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(
            f"cannot read the store {location}: {error.strerror or error}; ask its owner for permission, or choose "
            "another store with --store"
        ) from error


def _url(location: Path | str) -> str | None:
    return location if isinstance(location, str) and "://" in location and not location.startswith("file://") else None


def _folder(location: Path | str) -> Path:
    """Return the folder of a store.

    Raises:
        StoreError: no folder can have this path.
    """
    text = str(location).removeprefix("file://")
    path = os.fsencode(Path(text).expanduser().absolute()) if text and "\0" not in text else b""
    if not path:
        problem = "contains a null character" if text else "is empty"
        raise StoreError(f"the path of the store {problem}; choose another one with --store")
    if len(path) > _MAX_PATH or max(map(len, path.split(b"/"))) > _MAX_NAME:
        raise StoreError(
            f"the path of the store is too long (limits: {_MAX_PATH} bytes, and {_MAX_NAME} for a folder); choose "
            "a shorter one with --store"
        )
    return Path(text)


def _cache() -> Path:
    """Return the cache folder: `$PRETTYUSEFUL_CACHE`, or `prettyuseful` in the user's cache folder."""
    if folder := os.environ.get("PRETTYUSEFUL_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "prettyuseful"
