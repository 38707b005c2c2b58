"""From a path or URL to a store."""

from __future__ import annotations

from pathlib import Path

from prettyuseful.errors import StoreError
from prettyuseful.store.base import Store
from prettyuseful.store.local import LocalStore


def open_store(place: Path | str) -> Store:
    """The store in a folder, which is made if it is not there.

    Raises:
        StoreError: it cannot be written, or is of a kind that nobody knows.
    """
    return LocalStore(_folder(place))


def exists(place: Path | str) -> bool:
    """Whether a store is there already. Makes nothing."""
    return (_folder(place) / "manifests").is_dir()


def _folder(place: Path | str) -> Path:
    text = str(place)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    if isinstance(place, str) and "://" in place:
        raise StoreError(f"no kind of store is known at {place}; name a folder with --store")
    return Path(place)
