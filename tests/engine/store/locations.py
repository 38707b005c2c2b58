"""Locations of stores for tests, with direct access to their files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prettyuseful.engine.keys import digest
from prettyuseful.engine.store.base import GRACE_SECONDS, FileEntry, Manifest, Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.store.remote import RemoteStore


def key_of(name: str) -> str:
    """Return the key of the artifact `manifest(name=name)`."""
    return digest(["load", 1, {"name": name}, {}])


KEY = key_of("")


def manifest(files: tuple[FileEntry, ...] = (), name: str = "", **facts: object) -> Manifest:
    return Manifest(
        key=key_of(name),
        step="load",
        version=1,
        spec={"name": name},
        inputs={},
        files=files,
        facts=facts,
        environment={},
        created="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        units=1.0,
        rate_class="load",
    )


def object_name(entry: FileEntry) -> str:
    return f"objects/{entry.sha256[:2]}/{entry.sha256}"


def manifest_name(key: str = KEY) -> str:
    return f"manifests/{key[:2]}/{key}.json"


@dataclass
class StoreLocation:
    """The location of a store. `fs`: its fsspec file system; `scratch`: a folder of this test."""

    url: str
    fs: Any
    scratch: Path
    shared: bool
    machines: int = field(default=0)

    def open(self) -> Store:
        """Open the store as another machine would, with its own cache."""
        self.machines += 1
        if "://" in self.url:
            return RemoteStore(self.url, self.scratch / f"cache{self.machines}")
        return open_store(self.url)

    def put(self, store: Store, content: bytes, name: str = "file") -> FileEntry:
        source = self.scratch / "source"
        source.write_bytes(content)
        return store.put_file(name, source)

    def path(self, name: str) -> str:
        return f"{self.url}/{name}"

    def damage(self, name: str, content: bytes) -> None:
        self.fs.rm_file(self.path(name))
        self.fs.pipe_file(self.path(name), content)

    def make_old(self, name: str, monkeypatch: Any) -> None:
        """Set the modification time of a file to two days ago."""
        then = time.time() - 2 * GRACE_SECONDS
        if "://" not in self.url:
            os.utime(self.path(name), (then, then))
            return
        from prettyuseful.engine.store.bucket import Bucket

        age: Callable[[Bucket, str], float] = Bucket.age
        monkeypatch.setattr(Bucket, "age", lambda bucket, of: 2 * GRACE_SECONDS if of == name else age(bucket, of))
