from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from prettyuseful.data.image_lists import COLUMNS, LIST_MARK, ListedPath, format_image_list, read_image_list
from prettyuseful.errors import DataError

AWKWARD = ("=1+1.png", "+a", "-a", "@a", "'=a", "''-a", 'a "b",c\nd.png', "\tx", "'plain", "cat/ä.png", " x ")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(text, "utf-8", newline="")
    return path


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    lines = [ListedPath(path, path, "labels", 0.25, path, path) for path in AWKWARD]
    text = format_image_list(lines)
    assert text.encode().startswith(LIST_MARK + b"\n")
    assert read_image_list(write(tmp_path, text)) == lines


def test_no_cell_is_a_formula() -> None:
    text = format_image_list([ListedPath(path, path, "labels", 0.25, path, path) for path in AWKWARD])
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_list_of_paths_alone_and_one_of_a_spreadsheet_are_read(tmp_path: Path) -> None:
    assert read_image_list(write(tmp_path, "path\na.png\n\nb.png\n")) == [ListedPath("a.png"), ListedPath("b.png")]
    text = "\ufeffscore,path\r\n0.5,a.png\r\n"
    assert read_image_list(write(tmp_path, text)) == [ListedPath("a.png", score=0.5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,clas\na,b\n", r"list\.csv:1: unknown column 'clas'; did you mean 'class'\?; valid columns: path, "),
        ("path,path\na,b\n", r"list\.csv:1: two columns are named path"),
        ("class\na\n", r"list\.csv:1: no column path"),
        ("", r"list\.csv:1: no column path"),
        ("path,class\na\n", r"list\.csv:2: 1 cells for 2 columns"),
        ("path,class\n,b\n", r"list\.csv:2: the path is empty"),
        ("path,score\na,much\n", r"list\.csv:2: the score 'much' is no number"),
        ('path\n"a\n', r"list\.csv:2: broken CSV"),
    ],
)
def test_a_broken_list_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_image_list(write(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_a_missing_or_binary_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the list of images .*absent\.csv: No such file or directory"):
        read_image_list(tmp_path / "absent.csv")
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8 text"):
        read_image_list(tmp_path / "list.csv")


def test_the_columns_are_those_of_a_line() -> None:
    assert len(COLUMNS) == len(ListedPath.__dataclass_fields__)
