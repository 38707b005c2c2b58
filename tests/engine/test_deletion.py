from __future__ import annotations

import os
from pathlib import Path

import pytest

from prettyuseful.engine.deletion import remove, size_and_count

DEPTHS = [1_500, 5_000]  # beyond the stack of Python, and beyond the length of a path


def make_deep(folder: Path, depth: int) -> None:
    """Make folders in each other, with a file in every thousandth and in the last one."""
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    for level in range(depth):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
        if level % 1000 == 0 or level == depth - 1:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)


@pytest.mark.parametrize("depth", DEPTHS)
def test_folders_of_any_depth_are_measured_and_deleted(tmp_path: Path, depth: int) -> None:
    make_deep(tmp_path / "deep", depth)
    try:
        size, count = size_and_count(tmp_path / "deep")
    finally:
        remove(tmp_path / "deep")
    assert size == 0
    assert count == 3  # of deeper folders, those whose paths are not too long
    assert not (tmp_path / "deep").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, things = tmp_path / "outside", tmp_path / "things"
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 100_000)
    (things / "a" / "b").mkdir(parents=True)
    (things / "a" / "b" / "file").write_bytes(b"four")
    (things / "a" / "b" / "empty").mkdir(mode=0)
    (things / "a" / "link").symlink_to(outside / "large")
    (things / "a" / "b" / "folder").symlink_to(outside)
    os.mkfifo(things / "a" / "b" / "pipe")
    size, count = size_and_count(outside.parent / "things" / "a" / "b" / "file")
    assert (size, count) == (4, 1)
    (things / "a" / "b" / "empty").chmod(0o700)
    size, count = size_and_count(things)
    assert count == 4
    assert size < 1000
    (things / "a" / "b" / "empty").chmod(0)
    remove(things)
    assert os.listdir(tmp_path) == ["outside"]  # noqa: PTH208
    assert os.listdir(outside) == ["large"]  # noqa: PTH208


def test_a_link_itself_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_nothing_is_deleted_and_measured_without_error(tmp_path: Path) -> None:
    remove(tmp_path / "none")
    assert size_and_count(tmp_path / "none") == (0, 0)
