from __future__ import annotations

import os
from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.tasks.files import list_files


def test_files_are_listed_by_name_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2", "b/10", "a", ".git/config", "b/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    listed = list(list_files(tmp_path))
    assert [(file.path, file.size) for file in listed] == [("a", 1), ("b/10", 4), ("b/2", 3)]
    assert listed[0].modified_ns == (tmp_path / "a").stat().st_mtime_ns


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.symlink_to("nowhere"), "bad is a broken link; repair or remove it"),
        (lambda path: path.symlink_to(path.parent), "bad is a link to a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "bad is not a regular file; remove it"),
        (lambda path: os.mkfifo(path), "bad is not a regular file; remove it"),
    ],
)
def test_links_to_folders_and_special_files_are_refused(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    make(tmp_path / "bad")
    with pytest.raises(DataError, match=message):
        list(list_files(tmp_path))
