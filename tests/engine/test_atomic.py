from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.engine.atomic import fsync, temporary_file


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
