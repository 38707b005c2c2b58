from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prettyuseful.data.sources import parquet_reading
from prettyuseful.data.sources.parquet_reading import check_image, open_parquet
from prettyuseful.errors import DataError


def test_rows_are_read_in_order_over_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [b"%d" % i for i in range(100)], "label": range(100)}), path, row_group_size=7)
    with open_parquet(path) as file:
        assert [(i, row["label"]) for i, row in file.rows(["label"])] == [(i, i) for i in range(100)]
        assert [row["image"] for _, row in file.rows(["image", "label"], "image")] == [b"%d" % i for i in range(100)]


@pytest.mark.parametrize("metadata", [None, {"huggingface": "{"}, {"huggingface": "[" * 9999}, {"huggingface": "[]"}])
def test_a_file_without_readable_description_has_no_features(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), path)
    with open_parquet(path) as file:
        assert file.features() == {}
    known = {"huggingface": json.dumps({"info": {"features": {"a": {"dtype": "int64"}}}})}
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(known), path)
    with open_parquet(path) as file:
        assert file.features() == {"a": {"dtype": "int64"}}


def test_rows_may_unpack_to_a_multiple_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image in a dictionary, thousands of times."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [bytes(10_000)] * 5000}), path)
    with open_parquet(path) as file:
        assert sum(1 for _ in file.rows(["image"], "image")) == 5000
        monkeypatch.setattr(parquet_reading, "_ALLOWANCE", 1 << 20)
        with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
            list(file.rows(["image"], "image"))


def test_texts_are_short(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 70_000]}), path)
    with (
        open_parquet(path) as file,
        pytest.raises(DataError, match="a value of the column 'text': 70,000 bytes is too"),
    ):
        list(file.rows(["text"]))


def test_no_more_rows_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.nulls(20_000, pa.binary())}), path)
    with pytest.raises(DataError, match=r"20,000 rows in .* bytes cannot all be images"), open_parquet(path):
        pass


def test_an_image_is_bytes_of_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_image(b"x", "here") == b"x"
    for other in (None, "x", 3):
        with pytest.raises(DataError, match="here has no image bytes"):
            check_image(other, "here")
    monkeypatch.setattr(parquet_reading, "MAX_BYTES", 3)
    with pytest.raises(DataError, match="here: 4 bytes is too large"):
        check_image(b"xxxx", "here")
