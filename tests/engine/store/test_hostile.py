"""Stores that somebody has tampered with: nothing outside the store is read, written, renamed or removed."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.engine.store.locations import KEY, StoreLocation, key_of, manifest, manifest_name, object_name
from tests.engine.store.test_base import sealed
from tests.engine.store.watching import watch

from prettyuseful.engine.store.base import FileEntry, Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.errors import PrettyUsefulError, StoreError

CONTENT = b"precious bytes"
ENTRY = FileEntry(name="file", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
OLD = (1e9, 1e9)


def exercise(store: Store, source: Path) -> list[str]:
    """Use every method of a store, as commands do; return the messages of errors, which are one line each."""
    messages = []

    def attempt(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except PrettyUsefulError as error:
            messages.append(str(error))

    def read() -> None:
        if (artifact := store.read(KEY)) is not None:
            for entry in artifact.manifest.files:
                assert hashlib.sha256(artifact.path(entry.name).read_bytes()).hexdigest() == entry.sha256

    def claim() -> None:
        with store.claim(KEY) as claimed:
            assert claimed

    def put() -> None:
        source.write_bytes(CONTENT)
        store.commit(manifest((store.put_file("file", source),), who="us"))

    def checkpoint() -> None:
        folder = store.checkpoint_dir(KEY)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state").write_bytes(b"")

    def scratch() -> None:
        with store.scratch(KEY) as folder:
            (folder / "unfinished").write_bytes(b"")

    steps: list[Callable[[], Any]] = [
        read,
        lambda: store.select_existing([KEY, key_of("other")]),
        lambda: list(store.list()),
        lambda: list(store.check()),
        store.failures,
        store.swept,
        store.claimed_keys,
        claim,
        checkpoint,
        scratch,
        lambda: store.record_failure(KEY, "no luck"),
        lambda: store.sweep({KEY}, remove=False),
        put,
        read,
        lambda: store.sweep(set(), remove=True),
    ]
    for step in steps:
        attempt(step)
    assert all(message.isprintable() for message in messages)
    return messages


class Tamperer:
    """A folder with a store of one artifact, beside other folders that it must not lead to."""

    def __init__(self, folder: Path) -> None:
        self.outside, self.root = folder / "outside", folder / "store"
        self.outside.mkdir()
        (self.outside / "file").write_bytes(CONTENT)
        (self.outside / "folder").mkdir()
        (self.outside / "folder" / "file").write_bytes(CONTENT)
        (self.outside / "folder" / ENTRY.sha256).write_bytes(CONTENT)
        (self.outside / "folder" / f"{KEY}.json").write_bytes(manifest().as_text().encode())
        os.mkfifo(self.outside / "pipe")
        store = open_store(self.root)
        (folder / "source").write_bytes(CONTENT)
        store.commit(manifest((store.put_file("file", folder / "source"),)))
        self.object, self.manifest = self.root / object_name(ENTRY), self.root / manifest_name()
        self.lock, self.failure = self.root / "locks" / f"{KEY}.lock", self.root / "failures" / f"{KEY}.json"
        self.checkpoint, self.tmp = self.root / "checkpoints" / KEY, self.root / "tmp"

    def link(self, path: Path, target: str) -> None:
        """Put a link to something outside in the place of a file or folder."""
        self.empty(path)
        path.symlink_to(self.outside / target)

    def empty(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            for inner in path.iterdir():
                self.empty(inner)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)

    def pipe(self, path: Path) -> None:
        self.empty(path)
        os.mkfifo(path)

    def folder(self, path: Path, inner_link: str | None = None) -> None:
        """Put a folder with a file, or with a link, in the place of a file."""
        self.empty(path)
        path.mkdir()
        if inner_link is None:
            (path / "inner").write_bytes(b"x")
        else:
            self.link(path / "inner", inner_link)
        os.utime(path, OLD)

    def file(self, path: Path, content: bytes = b"x") -> None:
        self.empty(path)
        path.write_bytes(content)
        os.utime(path, OLD)

    def forge(self, **change: Any) -> None:
        content = json.loads(manifest((ENTRY,)).as_text())
        del content["checksum"]
        self.file(self.manifest, sealed(content | change))

    def socket(self, path: Path) -> None:
        self.empty(path)
        here = Path.cwd()
        os.chdir(path.parent)  # names of sockets have at most 108 bytes
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        finally:
            os.chdir(here)

    def abandon(self, target: str) -> None:
        """Leave scratch of a process that has exited; its folder leads elsewhere."""
        from prettyuseful.engine.processes import process_identity

        *machine, pid, start = process_identity().split(" ")
        self.file(self.tmp / "ab.owner", " ".join((*machine, pid, str(int(start) - 1))).encode())
        self.link(self.tmp / "ab.scratch", target)

    def hard_link(self) -> None:
        self.object.unlink()
        os.link(self.outside / "file", self.object)


def entry(**change: Any) -> list[dict[str, Any]]:
    return [ENTRY.model_dump() | change]


LINKED_FOLDERS = ("objects", "manifests", "locks", "failures", "checkpoints", "tmp", "sweeps")
TAMPERED: dict[str, Callable[[Tamperer], object]] = {
    "name with parents": lambda t: t.forge(files=entry(name="../../outside/file")),
    "absolute name": lambda t: t.forge(files=entry(name=str(t.outside / "file"))),
    "digest with parents": lambda t: t.forge(files=entry(sha256="../../../outside/file")),
    "absolute digest": lambda t: t.forge(files=entry(sha256=str(t.outside / "file"))),
    "key with parents": lambda t: t.forge(key="../../outside/file"),
    "foreign key": lambda t: t.forge(key=key_of("other")),
    "other size": lambda t: t.forge(files=entry(size=3)),
    "other digest": lambda t: t.forge(files=entry(sha256="0" * 64)),
    "terminal escapes": lambda t: t.forge(step="\x1b[2J\x1b]0;title\a", files=entry(name="a\x1b[2Jb")),
    "long manifest": lambda t: t.file(t.manifest, b" " * 17_000_000),
    "deep manifest": lambda t: t.file(t.manifest, b"[" * 1_000_000),
    "manifest with a strange name": lambda t: t.file(t.manifest.with_name("..%2f..%2fx.json")),
    "manifest with escapes in its name": lambda t: t.file(t.manifest.with_name("\x1b[2J\n.json")),
    "manifest in another folder": lambda t: t.file(t.root / "manifests" / "zz" / f"{KEY}.json"),
    "object linked to a file": lambda t: t.link(t.object, "file"),
    "object linked to a folder": lambda t: t.link(t.object, "folder"),
    "object linked to nothing": lambda t: t.link(t.object, "none"),
    "object linked to a pipe": lambda t: t.link(t.object, "pipe"),
    "object linked to a device": lambda t: t.link(t.object, "/dev/zero"),
    "object is a pipe": lambda t: t.pipe(t.object),
    "object is a folder": lambda t: t.folder(t.object),
    "object is a socket": lambda t: t.socket(t.object),
    "object is a hard link": lambda t: t.hard_link(),
    "object's folder linked": lambda t: t.link(t.object.parent, "folder"),
    "object's folder is a file": lambda t: t.file(t.object.parent),
    "object's folder is a pipe": lambda t: t.pipe(t.object.parent),
    "stray link among objects": lambda t: t.link(t.object.parent / "stray", "file"),
    "stray linked folder of objects": lambda t: t.link(t.root / "objects" / "zz", "folder"),
    "stray folder among objects": lambda t: t.folder(t.object.parent / "stray"),
    "manifest linked to a file": lambda t: t.link(t.manifest, f"folder/{KEY}.json"),
    "manifest linked to nothing": lambda t: t.link(t.manifest, "none"),
    "manifest is a pipe": lambda t: t.pipe(t.manifest),
    "manifest is a folder": lambda t: t.folder(t.manifest),
    "manifest's folder linked": lambda t: t.link(t.manifest.parent, "folder"),
    "manifest's folder is a file": lambda t: t.file(t.manifest.parent),
    "lock linked to a file": lambda t: t.link(t.lock, "file"),
    "lock linked to nothing": lambda t: t.link(t.lock, "new-file"),
    "lock is a pipe": lambda t: t.pipe(t.lock),
    "lock is a folder": lambda t: t.folder(t.lock),
    "stray lock linked": lambda t: t.link(t.root / "locks" / "stray.lock", "file"),
    "failure linked": lambda t: t.link(t.failure, "file"),
    "failure is a folder": lambda t: t.folder(t.failure),
    "failure is a pipe": lambda t: t.pipe(t.failure),
    "failure that is no record": lambda t: t.file(t.failure, b"[" * 1_000_000),
    "checkpoints linked": lambda t: t.link(t.checkpoint, "folder"),
    "checkpoints are a file": lambda t: t.file(t.checkpoint),
    "link among checkpoints": lambda t: t.link(t.root / "checkpoints" / "stray" / "link", "folder"),
    "draft linked": lambda t: t.link(t.tmp / "draft", "file"),
    "draft folder linked": lambda t: t.link(t.tmp / "stray.scratch", "folder"),
    "old draft folder": lambda t: t.folder(t.tmp / "old"),
    "old draft folder with a link": lambda t: t.folder(t.tmp / "old", inner_link="folder"),
    "abandoned scratch linked": lambda t: t.abandon("folder"),
    "owner linked": lambda t: t.link(t.tmp / "ab.owner", "file"),
    "owner is a pipe": lambda t: t.pipe(t.tmp / "ab.owner"),
    "sweep linked": lambda t: t.link(t.root / "sweeps" / "ab.json", "file"),
    "sweep is a pipe": lambda t: t.pipe(t.root / "sweeps" / "ab.json"),
    "sweep that is no record": lambda t: t.file(t.root / "sweeps" / "ab.json", b'{"time": 1, "keys": {"x": [1]}}'),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_nothing_outside_a_tampered_folder_is_touched(name: str, tmp_path: Path) -> None:
    tamperer = Tamperer(tmp_path)
    TAMPERED[name](tamperer)
    with watch(tamperer.outside) as accesses:
        store = open_store(tamperer.root)
        messages = exercise(store, tmp_path / "source")
    assert accesses == []
    assert messages == []  # the artifact was made again where it was not usable
    assert not list(tamperer.root.rglob("manifests/*/*.json")), "everything was swept"


@pytest.mark.parametrize("folder", LINKED_FOLDERS)
def test_linked_folder_of_a_store_is_a_one_line_error(folder: str, tmp_path: Path) -> None:
    tamperer = Tamperer(tmp_path)
    tamperer.link(tamperer.root / folder, "folder")
    with watch(tamperer.outside) as accesses:
        with pytest.raises(StoreError, match=r"is a symbolic link; a store contains only its own folders"):
            open_store(tamperer.root)
        messages = exercise(open_store(tamperer.root, writable=False), tmp_path / "source")
    assert accesses == []
    assert any("is a symbolic link" in message for message in messages)


def test_root_may_be_a_link(tmp_path: Path) -> None:
    tamperer = Tamperer(tmp_path)
    (tmp_path / "link").symlink_to(tamperer.root)
    artifact = open_store(tmp_path / "link").read(KEY)
    assert artifact is not None
    assert artifact.path("file").read_bytes() == CONTENT


def forge(**change: Any) -> bytes:
    content = json.loads(manifest((ENTRY,)).as_text())
    del content["checksum"]
    return sealed(content | change)


OUTSIDE = {"other/file": CONTENT, "other/store/objects/ab/x": CONTENT, "file": CONTENT}
TAMPERED_BUCKETS: dict[str, tuple[str, bytes]] = {
    "name with parents": (manifest_name(), forge(files=entry(name="../../other/file"))),
    "absolute name": (manifest_name(), forge(files=entry(name="/other/file"))),
    "digest with parents": (manifest_name(), forge(files=entry(sha256="../../../other/file"))),
    "digest of a URL": (manifest_name(), forge(files=entry(sha256="s3://bucket/other/file"))),
    "key with parents": (manifest_name(), forge(key="../../other/file")),
    "foreign key": (manifest_name(), forge(key=key_of("other"))),
    "other size": (manifest_name(), forge(files=entry(size=3))),
    "missing object": (manifest_name(), forge(files=entry(sha256="0" * 64))),
    "flipped digit": (manifest_name(), manifest((ENTRY,)).as_text().replace("1.0", "1.5").encode()),
    "not finite": (manifest_name(), forge(facts={"accuracy": float("nan")})),
    "empty manifest": (manifest_name(), b""),
    "long manifest": (manifest_name(), b" " * 17_000_000),
    "deep manifest": (manifest_name(), b"[" * 1_000_000),
    "manifest with a strange name": ("manifests/ab/..%2f..%2fother.json", b"{}"),
    "manifest with parents in its name": ("manifests/ab/x/../../../other/file.json", b"{}"),
    "manifest in another folder": (f"manifests/zz/{KEY}.json", manifest().as_text().encode()),
    "other bytes": (object_name(ENTRY), b"precious bytfs"),
    "empty object": (object_name(ENTRY), b""),
    "object below an object": ("objects/zz/x/y", b"x"),
    "failure that is no record": (f"failures/{KEY}.json", b"[" * 1_000_000),
    "failure with a strange name": ("failures/../../other/file.json", b"{}"),
    "lease that is none": (f"leases/{KEY}.json", b'{"id": [1], "process": {}}'),
    "lease of nobody": (f"leases/{KEY}.json", b"\xff"),
    "sweep that is no record": ("sweeps/ab.json", b'{"time": [], "keys": 1}'),
    "store of another kind": ("store.json", b"[" * 1_000_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["memory", pytest.param("s3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TAMPERED_BUCKETS)
def test_nothing_outside_a_tampered_prefix_is_touched(
    name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = fsspec.filesystem(kind, use_listings_cache=False, skip_instance_cache=True)
    if kind == "memory":
        fs.store.clear()
    bucket = "memory://bucket" if kind == "memory" else request.getfixturevalue("s3_url")
    for path, content in OUTSIDE.items():
        fs.pipe_file(f"{bucket}/{path}", content)
    location = StoreLocation(f"{bucket}/store", fs, tmp_path, shared=kind == "s3")
    store = location.open()
    store.commit(manifest((location.put(store, CONTENT),)))
    path, content = TAMPERED_BUCKETS[name]
    fs.pipe_file(f"{bucket}/store/{path}", content)
    monkeypatch.setattr("prettyuseful.engine.store.leases.LEASE_SECONDS", 0.0)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(CONTENT)
    with watch(tmp_path / "outside") as accesses:
        messages = exercise(location.open(), tmp_path / "source")
    assert accesses == []
    assert messages == [] or (name == "other bytes" and "differs from its manifest" in messages.pop())
    assert {path: fs.cat_file(f"{bucket}/{path}") for path in OUTSIDE} == OUTSIDE
