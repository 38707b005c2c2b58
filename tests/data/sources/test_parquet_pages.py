from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.data.sources.parquet_pages import check_footer, read_groups, read_pages
from prettyuseful.errors import DataError


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_are_those_that_arrow_states(tmp_path: Path, compression: str, version: str, dictionary: bool) -> None:
    path = tmp_path / "a.parquet"
    content = pa.table({"image": [b"%d" % (i % 70) * 100 for i in range(5000)], "label": ["x"] * 5000})
    pq.write_table(
        content,
        path,
        compression=compression,
        data_page_version=version,
        use_dictionary=dictionary,
        data_page_size=4096,
        write_batch_size=64,
    )
    check_footer(path, "here")
    chunk = pq.read_metadata(path).row_group(0).column(0)
    start = chunk.dictionary_page_offset if dictionary else chunk.data_page_offset
    with path.open("rb") as file:
        pages = list(read_pages(file, start, chunk.total_compressed_size))
    assert len(pages) > 2
    assert sum(page.values for page in pages if not page.is_dictionary) == 5000
    assert [page.is_dictionary for page in pages] == [dictionary, *[False] * (len(pages) - 1)]
    assert sum(page.unpacked for page in pages) <= chunk.total_uncompressed_size
    if compression == "none":
        assert all(page.unpacked == page.packed for page in pages)


def test_wide_and_deep_schemas_are_refused(tmp_path: Path) -> None:
    kind, value = pa.int8(), 1
    path = tmp_path / "a.parquet"
    for depth in range(1, 60):
        kind, value = pa.struct([("x", kind)]), {"x": value}  # type: ignore[assignment]
        if depth in (40, 59):
            pq.write_table(pa.table({"deep": pa.array([value], kind), "b": [1]}), path)
            if depth == 40:
                check_footer(path, "here")
            else:
                with pytest.raises(DataError, match="here: its columns are nested more than 50 deep"):
                    check_footer(path, "here")
    pq.write_table(pa.table({f"c{i}": [1] for i in range(20_001)}), path)
    with pytest.raises(DataError, match="here: its schema has 20,002 columns"):
        check_footer(path, "here")


def test_large_footers_are_read_up_to_a_number_of_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": range(40), "b": range(40)}), path, row_group_size=1)
    monkeypatch.setattr("prettyuseful.data.sources.parquet_pages._SMALL_FOOTER", 10)
    check_footer(path, "here")
    monkeypatch.setattr("prettyuseful.data.sources.parquet_pages._MAX_CHUNKS", 79)
    with pytest.raises(DataError, match="here: it has more than 79 column chunks"):
        check_footer(path, "here")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 70))
def test_damaged_footers_are_errors(tmp_path_factory: pytest.TempPathFactory, footer: bytes, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(b"PAR1" + footer + length.to_bytes(4, "little") + b"PAR1")
    try:
        check_footer(path, "here")
        with path.open("rb") as file:
            list(read_pages(file, 4, len(footer)))
    except (ValueError, DataError):
        pass


@pytest.mark.parametrize("rows_of_a_group", [7, 100])
def test_row_groups_and_chunks_are_those_that_arrow_states(tmp_path: Path, rows_of_a_group: int) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"image": [{"bytes": b"x" * i, "path": str(i)} for i in range(40)], "label": ["a", "b"] * 20})
    pq.write_table(table, path, row_group_size=rows_of_a_group)
    stated = pq.read_metadata(path)
    with path.open("rb") as file:
        groups = list(read_groups(file))
    assert [group.rows for group in groups] == [stated.row_group(i).num_rows for i in range(stated.num_row_groups)]
    for i, group in enumerate(groups):
        columns = [stated.row_group(i).column(j) for j in range(stated.num_columns)]
        assert [chunk.size for chunk in group.chunks] == [column.total_compressed_size for column in columns]
        starts = [min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in columns]
        assert [chunk.start for chunk in group.chunks] == starts
