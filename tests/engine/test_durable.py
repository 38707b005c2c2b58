from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.engine.durable import draft_in, fsync, replacing


def fill_and_fail(target: Path, drafts: Path) -> None:
    with replacing(target, drafts) as draft:
        draft.write_text("half of it")
        raise RuntimeError("interrupted")


def test_files_and_folders_can_be_synced_and_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    fsync(tmp_path / "file")
    fsync(tmp_path)
    with pytest.raises(FileNotFoundError):
        fsync(tmp_path / "none")


def test_a_draft_is_gone_afterwards_unless_it_was_moved(tmp_path: Path) -> None:
    with draft_in(tmp_path) as first, draft_in(tmp_path) as second:
        assert first != second
        assert first.read_bytes() == b""
        second.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_draft_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="interrupted"), draft_in(tmp_path):
        raise RuntimeError("interrupted")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_in_one_move(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file"
    for content in ("first", "second"):
        before = target.read_text() if target.exists() else None
        with replacing(target, tmp_path) as draft:
            draft.write_text(content)
            assert (target.read_text() if target.exists() else None) == before, "not before its bytes are whole"
        assert target.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    for there in (None, "before"):
        target, drafts = tmp_path / "file", tmp_path / "drafts"
        drafts.mkdir(exist_ok=True)
        if there:
            target.write_text(there)
        with pytest.raises(RuntimeError, match="interrupted"):
            fill_and_fail(target, drafts)
        assert (target.read_text() if target.exists() else None) == there
        assert list(drafts.iterdir()) == []
