from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.sources.columns import Columns
from prettyuseful.data.sources.parquet import ParquetSource, find_columns
from prettyuseful.data.sources.parquet_reading import open_parquet
from prettyuseful.errors import DataError


def source_of(
    path: Path, columns: dict[str, Any] | None = None, metadata: dict[str, str] | None = None
) -> ParquetSource:
    if columns is not None:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return ParquetSource(str(path), (path,))


def named(names: list[Any]) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}})}


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in an order of their own: they come in the order of the draw."""
    return sorted(rows)


def images(rows: list[Row]) -> list[dict[str, Any]]:
    return [{"bytes": row.data, "path": row.path} for row in rows]


def test_our_own_shards_come_back(tmp_path: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    paths = (tmp_path / "0.parquet", tmp_path / "1.parquet")
    write_shard(paths[0], rows[:4], classes)
    write_shard(paths[1], rows[4:], classes)
    source = ParquetSource("here", paths)
    assert source.counts() == {"polar bear": 3, "dog": 3}
    assert sorted(source.rows(classes, 3), key=lambda row: row.path) == sorted(rows, key=lambda row: row.path)
    assert len(list(source.rows(classes, 2))) == 4


def test_files_of_datasets_are_read(tmp_path: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    from datasets import ClassLabel, Dataset, Features, Image

    features = Features({"image": Image(), "label": ClassLabel(names=list(classes))})
    table = {"image": images(rows), "label": [row.label for row in rows]}
    Dataset.from_dict(table, features=features).to_parquet(tmp_path / "a.parquet")
    result = list(source_of(tmp_path / "a.parquet").rows(classes, 3))
    assert in_order((row.path, row.data, row.label) for row in result) == in_order(
        (row.path, row.data, row.label) for row in rows
    )
    assert len({row.group for row in result}) == 6


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_labels_may_be_strings(tmp_path: Path, rows: list[Row], classes: tuple[str, ...], kind: pa.DataType) -> None:
    labels = pa.array([classes[row.label] for row in rows]).cast(kind)
    source = source_of(tmp_path / "a.parquet", {"image": images(rows), "label": labels})
    assert in_order((row.data, row.label) for row in source.rows(classes, 3)) == in_order(
        (row.data, row.label) for row in rows
    )


@pytest.mark.parametrize(
    "metadata", [None, {"huggingface": "{"}, {"huggingface": "[]"}, {"huggingface": "[" * 9999}, named([])]
)
def test_labels_without_names_are_numbers(tmp_path: Path, rows: list[Row], metadata: dict[str, str] | None) -> None:
    source = source_of(tmp_path / "a.parquet", {"image": images(rows), "label": [1, 0] * 3}, metadata)
    assert source.counts() == {"1": 3, "0": 3}
    assert in_order((row.data, row.label) for row in source.rows(("x", "y"), 3)) == in_order(
        (row.data, (i + 1) % 2) for i, row in enumerate(rows)
    )


def test_optional_columns_of_other_types_are_ignored(tmp_path: Path, rows: list[Row]) -> None:
    columns = {"image": [row.data for row in rows], "label": ["x"] * 6, "seed": ["a"] * 6, "group": [1] * 6}
    source = source_of(tmp_path / "a.parquet", columns)
    (row,) = source.rows(("x",), 1)
    number = int(row.path.removeprefix("a.parquet/"))
    assert row == Row(rows[number].data, row.path, 0, source.content_ids()[row.path])


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        ({"label": [0], "size": [1.5]}, None, r"no column image, and no other column fits \(it has label, size\)"),
        (
            {"image": [b"x"], "text": ["a cat"]},
            None,
            r"no column label, and no .* fits \(it has image, text\)",
        ),
        ({"a": [b"x"], "b\n": [b"y"], "label": ["x"]}, None, r"several columns that could be the image: a, b\\n; set"),
        ({"image": [b"x"], "a": ["x"], "b": [1]}, None, "several columns that could be the label: a, b; set `label: `"),
        ({"image": [{"bytes": None, "path": "x.png"}], "label": ["x"]}, None, "row 0 has no image bytes"),
        ({"image": ["x.png"], "label": ["x"]}, None, "row 0 has no image bytes"),
        ({"image": [None], "label": ["x"]}, None, "row 0 has no image bytes"),
        ({"image": [{"bytes": b"x", "path": "a\nb"}], "label": ["x"]}, None, r"row 0 \(a\\nb\): not an image"),
        ({"image": [b"x"], "label": [None]}, None, "row 0 has label None"),
        ({"image": [b"x"], "label": [""]}, None, "row 0: '' is not a valid name"),
        ({"image": [b"x"], "label": [1.5]}, None, r"row 0 has label 1\.5"),
        ({"image": [b"x"], "label": [True]}, None, "row 0 has label True"),
        ({"image": [b"x"], "label": [-1]}, named(["x"]), "row 0 has label -1, but the schema names 1 classes"),
        ({"image": [b"x"], "label": [1]}, named(["x"]), "row 0 has label 1, but the schema names 1 classes"),
    ],
)
def test_invalid_files_are_reported(
    tmp_path: Path, columns: dict[str, Any], metadata: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        list(source_of(tmp_path / "a.parquet", columns, metadata).rows(("x",), 1))
    assert "\n" not in str(error.value)
    assert "a.parquet" in str(error.value)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"img": [b"x"], "label": [0]}, ("img", "label")),
        ({"photo": [b"x"], "species": ["x"], "width": [3], "url": ["x"]}, ("photo", "species")),
        ({"image": [b"x"], "mask": [b"y"], "class_name": ["x"], "class_id": [4]}, ("image", "class_name")),
        ({"jpg": [b"x"], "embedding": [b"y"], "animal": ["x"], "text": ["a cat"]}, ("jpg", "animal")),
        ({"file_name": ["x.png"], "label": ["x"]}, ("file_name", "label")),
    ],
)
def test_columns_are_found_by_type_and_name(tmp_path: Path, columns: dict[str, Any], found: tuple[str, str]) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with open_parquet(tmp_path / "a.parquet") as file:
        assert find_columns(file, Columns()).used == found
    note = f"images are read from the column '{found[0]}', labels from '{found[1]}'."
    assert source_of(tmp_path / "a.parquet").notes()[0].endswith(note)


def test_class_labels_of_datasets_tell_the_column_and_the_names(tmp_path: Path, rows: list[Row]) -> None:
    from datasets import ClassLabel, Dataset, Features, Image, Sequence, Value

    features = Features({"image": Image(), "kind": ClassLabel(names=["x", "y"]), "note": Value("string")})
    table = {"image": images(rows), "kind": [0, 1] * 3, "note": ["n"] * 6}
    Dataset.from_dict(table, features=features).to_parquet(tmp_path / "a.parquet")
    assert source_of(tmp_path / "a.parquet").counts() == {"x": 3, "y": 3}
    features = Features({"image": Image(), "labels": Sequence(ClassLabel(names=["x", "y"]))})
    Dataset.from_dict({"image": images(rows), "labels": [[1]] * 6}, features=features).to_parquet(
        tmp_path / "b.parquet"
    )
    assert source_of(tmp_path / "b.parquet").counts() == {"y": 6}
    assert source_of(tmp_path / "b.parquet").class_names() == ("y",)


def test_an_image_with_several_labels_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path / "a.parquet", {"image": [b"x"], "label": [["cat", "dog"]]})
    with pytest.raises(DataError, match=r"row 0 has 2 labels \(cat, dog\), but an image needs one"):
        source.counts()


def nothing(folder: Path) -> None:
    pass


def link_outside(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")


OUTSIDE: list[tuple[str, str, Callable[[Path], object]]] = [
    ("../outside.png", "which is not in", nothing),
    ("a/../../outside.png", "which is not in", nothing),
    ("..\\outside.png", "which is not in", nothing),
    ("/etc/passwd", "which is not in", nothing),
    ("C:/x.png", "which is not in", nothing),
    ("x\0.png", "which is not in", nothing),
    ("link.png", "which is not in", link_outside),
    ("none.png", "there is no file 'none.png' in", nothing),
    ("folder", "is not a regular file", lambda folder: (folder / "folder").mkdir()),
]


@pytest.mark.parametrize(("name", "message", "prepare"), OUTSIDE)
def test_files_outside_of_the_folder_are_not_read(
    tmp_path: Path, rows: list[Row], name: str, message: str, prepare: Callable[[Path], object]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(rows[0].data)
    prepare(folder)
    source = source_of(folder / "a.parquet", {"image": [name], "label": ["x"]})
    with pytest.raises(DataError, match=message) as error:
        list(source.rows(("x",), 1))
    assert str(error.value).isprintable()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_truncated_files_are_reported_and_damaged_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], classes: tuple[str, ...], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    write_shard(path, rows, classes)
    whole = bytearray(path.read_bytes())
    location = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:location])
    with pytest.raises(DataError, match=r"damaged\.parquet: broken Parquet"):
        source_of(path).counts()
    whole[location] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    with contextlib.suppress(DataError):
        list(source_of(path).rows(classes, 3))


@pytest.mark.parametrize("bit", range(8))
def test_a_changed_bit_of_the_footer_never_ends_the_process(
    tmp_path: Path, rows: list[Row], classes: tuple[str, ...], bit: int
) -> None:
    """PyArrow's description of a column chunk ends the process where types or histograms contradict each other."""
    path = tmp_path / "damaged.parquet"
    write_shard(path, rows, classes)
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    for location in range(len(whole) - footer + bit % 3, len(whole) - footer + 480, 3):
        path.write_bytes(whole[:location] + bytes([whole[location] ^ 1 << bit]) + whole[location + 1 :])
        with contextlib.suppress(DataError):
            list(source_of(path).rows(classes, 3))


def test_a_row_group_is_read_in_pieces(tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "a.parquet"
    large = rows[0].data + bytes(100_000)  # trailing bytes are ignored
    table = pa.table({"image": [{"bytes": large, "path": ""}] * 600, "label": ["x"] * 600})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_batch_size=16)
    source = source_of(path)
    assert pq.ParquetFile(path).num_row_groups == 1
    del table
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        assert sum(1 for _ in source.rows(("x",), 600)) == 600
    finally:
        pa.set_memory_pool(usual)
    assert 0 < pool.max_memory() < 16 << 20


def test_the_fingerprint_changes_with_labels_and_names(tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "a.parquet"
    prints = set()
    for data, label, metadata in ((0, 0, ["x", "y"]), (1, 0, ["x", "y"]), (0, 1, ["x", "y"]), (0, 0, ["x", "z"])):
        columns = {"image": [{"bytes": rows[data].data, "path": "0"}], "label": [label]}
        prints.add(source_of(path, columns, named(metadata)).fingerprint())
    assert len(prints) == 4
