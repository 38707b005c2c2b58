from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.engine.atomic import atomic_write, fsync, temporary_file


def fill_and_fail(target: Path, drafts: Path) -> None:
    with atomic_write(target, drafts) as draft:
        draft.write_text("half of it")
        raise RuntimeError("interrupted")


def test_fsync_of_files_folders_and_missing_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    fsync(tmp_path / "file")
    fsync(tmp_path)
    with pytest.raises(FileNotFoundError):
        fsync(tmp_path / "none")


def test_temporary_file_is_deleted_unless_moved(tmp_path: Path) -> None:
    with temporary_file(tmp_path) as first, temporary_file(tmp_path) as second:
        assert first != second
        assert first.read_bytes() == b""
        second.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_temporary_file_is_deleted_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="interrupted"), temporary_file(tmp_path):
        raise RuntimeError("interrupted")
    assert list(tmp_path.iterdir()) == []


def test_file_is_replaced_atomically(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file"
    for content in ("first", "second"):
        before = target.read_text() if target.exists() else None
        with atomic_write(target, tmp_path) as draft:
            draft.write_text(content)
            assert (target.read_text() if target.exists() else None) == before, (
                "the file is replaced only after the write"
            )
        assert target.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_error_keeps_the_old_file(tmp_path: Path) -> None:
    for content in (None, "before"):
        target, drafts = tmp_path / "file", tmp_path / "drafts"
        drafts.mkdir(exist_ok=True)
        if content:
            target.write_text(content)
        with pytest.raises(RuntimeError, match="interrupted"):
            fill_and_fail(target, drafts)
        assert (target.read_text() if target.exists() else None) == content
        assert list(drafts.iterdir()) == []
