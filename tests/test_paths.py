from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.paths import exists, is_file, is_folder


def test_files_and_folders(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert (exists(file), is_file(str(file)), is_folder(file)) == (True, True, False)
    assert (exists(str(tmp_path)), is_file(tmp_path), is_folder(tmp_path)) == (True, False, True)


@pytest.mark.parametrize("text", ["x" * 300, "x/" * 5_000, "a\0b", "{a: " * 2_000, "", "\udcff", "owner/name"])
def test_what_cannot_be_a_path_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_file(text)
    assert not exists(text) or text == ""
