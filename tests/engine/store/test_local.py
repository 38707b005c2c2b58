from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.engine.store.locations import key_of, manifest

from prettyuseful.engine.store.base import FileEntry
from prettyuseful.engine.store.folder import SafeFolder
from prettyuseful.engine.store.journal import sweep_to_json
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import CorruptArtifactError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def put(store: LocalStore, content: bytes, name: str = "file") -> FileEntry:
    source = store.root / "tmp" / "source"
    source.write_bytes(content)
    return store.put_file(name, source)


def object_of(store: LocalStore, entry: FileEntry) -> Path:
    return store.root / "objects" / entry.sha256[:2] / entry.sha256


def test_unwritable_folder_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to the store .*file.*--store") as error:
        LocalStore(tmp_path / "file" / "store")
    assert "\n" not in str(error.value)


def test_files_are_read_only(store: LocalStore) -> None:
    assert object_of(store, put(store, b"x")).stat().st_mode & 0o222 == 0


def test_simultaneous_readers_both_report_damage(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers read one damaged input at the same time; the other one renames it first."""
    entry = put(store, b"precious bytes")
    artifact = store.commit(manifest((entry,)))
    path = object_of(store, entry)

    def hash_while_another_worker_renames_it(*_: object) -> tuple[str, int]:
        path.rename(path.with_suffix(".corrupt"))
        return "another digest", entry.size

    monkeypatch.setattr(SafeFolder, "sha256_and_size", hash_while_another_worker_renames_it)
    with pytest.raises(CorruptArtifactError):
        artifact.path("file")
    assert not path.exists()


def test_records_that_cannot_be_read_say_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "good"):
        store.record_failure(key_of(name), f"{name} luck")
        (store.root / "sweeps" / f"{name}.json").write_text(sweep_to_json([key_of(name)]))
    read = SafeFolder.read

    def read_all_but_bad(folder: SafeFolder, limit: int, *names: str) -> bytes | None:
        if names[-1] in ("bad.json", f"{key_of('bad')}.json"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(folder, limit, *names)

    monkeypatch.setattr(SafeFolder, "read", read_all_but_bad)
    assert store.failures() == {key_of("good"): "good luck"}
    assert store.swept().keys() == {key_of("good")}
