from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prettyuseful.data.sources import tables
from prettyuseful.data.sources.tables import table_columns, table_rows
from prettyuseful.errors import DataError

ROWS = [{"file": "1.png", "label": "cat"}, {"file": "2.png", "label": "hot, dog"}]
TEXTS = {
    "a.csv": 'file,label\n1.png,cat\n2.png,"hot, dog"\n',
    "semicolons.csv": "file;label\n1.png;cat\n2.png;hot, dog\n",
    "spaces.csv": 'file, label\n1.png, cat\n\n2.png, "hot, dog"\n',
    "windows.csv": '\ufefffile,label\r\n1.png,cat\r\n2.png,"hot, dog"\r\n',
    "a.tsv": "file\tlabel\n1.png\tcat\n2.png\thot, dog\n",
    "a.jsonl": '{"file": "1.png", "label": "cat"}\n\n{"file": "2.png", "label": "hot, dog"}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_tables_are_read_row_by_row(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[name], "utf-8", newline="")
    assert [row for _, row in table_rows(tmp_path / name)] == ROWS
    assert table_columns(tmp_path / name) == ["file", "label"]


def test_parquet_tables_are_read_without_their_binary_columns(tmp_path: Path) -> None:
    content = pa.Table.from_pylist([{**row, "image": b"x", "list": [1]} for row in ROWS])
    pq.write_table(content, tmp_path / "metadata.parquet")
    assert [row for _, row in table_rows(tmp_path / "metadata.parquet")] == ROWS


def test_lines_are_numbered_and_a_table_may_have_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1.png,cat\n2.png,dog\n")
    assert list(table_rows(tmp_path / "a.csv", has_header=False)) == [
        (1, {"0": "1.png", "1": "cat"}),
        (2, {"0": "2.png", "1": "dog"}),
    ]
    assert table_columns(tmp_path / "a.csv", has_header=False) == ["0", "1"]


def test_columns_of_json_lines_may_come_later(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    assert table_columns(tmp_path / "a.jsonl") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "a,b\n1,2,3\n", r"a\.csv:2 has 3 values, but there are 2 columns"),
        ("a.csv", "a,a\n1,2\n", r"a\.csv:1: two columns have the same name"),
        ("a.jsonl", "{}\n[1]\n", r'a\.jsonl:2: not \{"file_name"'),
        ("a.jsonl", "{}\n{x}\n", r"a\.jsonl:2: no JSON"),
        ("a.jsonl", '{"a": "\udcff"}\n', r"a\.jsonl:1: not UTF-8 text"),
        ("a.csv", "a,b\n1,2\n3,4\n", r"a\.csv has more than 1 rows"),
    ],
)
def test_broken_tables_are_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 1 if "more than" in message else 9)
    (tmp_path / name).write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=message) as error:
        list(table_rows(tmp_path / name))
    assert str(error.value).isprintable()
