from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.files import FolderFiles


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"a": 1}')
    (tmp_path / "README.md").write_text("a card")
    files = FolderFiles(tmp_path)
    assert files.json("model_index.json") == files.json_if_readable("model_index.json") == {"a": 1}
    assert files.text_if_readable("README.md") == "a card"


@pytest.mark.parametrize("content", [None, "{", "[1]", "5", "{" * 200])
def test_what_cannot_be_read_is_one_line_or_nothing(tmp_path: Path, content: str | None) -> None:
    files = FolderFiles(tmp_path)
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert files.json_if_readable("config.json") == {}
    assert files.text_if_readable("README.md") == ""
    with pytest.raises(DataError, match=r"cannot read .*config.json: .*; download the model again") as error:
        files.json("config.json")
    assert "\n" not in str(error.value)
