from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prettyuseful.engine.deletion import remove
from prettyuseful.engine.store.folder import SafeFolder


@pytest.fixture
def folder(tmp_path: Path) -> SafeFolder:
    folder = SafeFolder(tmp_path / "new" / "root")
    folder.create("things")
    return folder


def write(folder: SafeFolder, content: bytes, *names: str) -> None:
    with folder.write(*names) as draft:
        draft.write_bytes(content)


def test_file_is_read_as_written(folder: SafeFolder) -> None:
    write(folder, b"one", "things", "a", "b")
    assert folder.read(3, "things", "a", "b") == b"one"
    assert folder.read(2, "things", "a", "b") is None, "too long"
    assert folder.read(3, "things", "none", "b") is None
    status = folder.stat("things", "a", "b")
    assert status is not None
    assert status.st_size == 3
    write(folder, b"two", "things", "a", "b")
    assert [entry.name for entry in folder.entries("things", "a")] == ["b"]
    assert folder.read(3, "things", "a", "b") == b"two"
    assert list(folder.drafts.iterdir()) == []


def fail_in_the_middle(folder: SafeFolder) -> None:
    with folder.write("things", "a") as draft:
        draft.write_bytes(b"half of it")
        raise RuntimeError("interrupted")


def test_interrupted_write_keeps_the_old_file(folder: SafeFolder) -> None:
    for content in (None, b"before"):
        if content:
            write(folder, content, "things", "a")
        with pytest.raises(RuntimeError, match="interrupted"):
            fail_in_the_middle(folder)
        assert folder.read(99, "things", "a") == content
        assert list(folder.drafts.iterdir()) == []


def test_long_names_do_not_exist(folder: SafeFolder) -> None:
    assert folder.read(1, "things", "x" * 300) is None
    assert folder.stat("things", "x" * 5000) is None
    assert folder.entries("things", "x" * 300) == []


def test_folder_in_the_place_of_a_file_is_kept_aside(folder: SafeFolder) -> None:
    write(folder, b"inner", "things", "file", "inner")
    write(folder, b"file", "things", "file")
    assert folder.read(9, "things", "file") == b"file"
    (aside,) = folder.drafts.iterdir()
    assert (aside / "inner").read_bytes() == b"inner"


def test_folder_that_somebody_has_deleted_is_made_again(folder: SafeFolder) -> None:
    write(folder, b"x", "things", "a", "b")
    remove(folder.path("things", "a"))
    write(folder, b"y", "things", "a", "b")
    assert folder.read(1, "things", "a", "b") == b"y"


@pytest.mark.parametrize("number", [None, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_file_is_created_once(folder: SafeFolder, monkeypatch: pytest.MonkeyPatch, number: int | None) -> None:
    """Also on file systems without hard links."""
    if number is not None:

        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", fail)
    assert folder.create_once(b"first", "things", "a")
    assert not folder.create_once(b"second", "things", "a")
    assert folder.read(9, "things", "a") == b"first"


def test_one_of_simultaneous_creations_wins(folder: SafeFolder) -> None:
    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda i: folder.create_once(b"%d" % i, "things", "a"), range(6)))
    assert sum(created) == 1
    assert folder.read(9, "things", "a") == b"%d" % created.index(True)


def test_another_process_may_create_the_root_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, exists = tmp_path / "root", os.path.lexists

    def create_and_ask(path: Path) -> bool:
        Path(path).mkdir(exist_ok=True)
        return exists(path)

    monkeypatch.setattr("prettyuseful.engine.store.folder.os.path.lexists", create_and_ask)
    SafeFolder(root).create("things")
    assert (root / "things").is_dir()
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.undo()
    with pytest.raises(NotADirectoryError):
        SafeFolder(tmp_path / "file").create()
