from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from prettyuseful.data.dataset import (
    Row,
    dataset_card,
    is_card_as_written,
    read_shard,
    read_shard_prompts,
    shard_name,
    shard_schema,
    write_shard,
)
from prettyuseful.data.images import encode_png
from prettyuseful.data.stored_format import StoredFormat

CLASSES = ("cat", "dog")
JPEG = StoredFormat(name="jpeg")
ROWS = st.builds(
    Row,
    data=st.binary(max_size=50),
    path=st.text(max_size=10),
    label=st.integers(0, 1),
    group=st.text(max_size=5),
    place=st.none() | st.text(max_size=5),
    prompt=st.none() | st.text(max_size=20),
    seed=st.none() | st.integers(0, 2**63 - 1),
    generator=st.none() | st.text(max_size=5),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, max_size=220))
def test_rows_come_back_and_equal_rows_give_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    assert write_shard(folder / "a", rows, CLASSES) == len(rows)
    write_shard(folder / "b", iter(rows), CLASSES)
    assert list(read_shard(folder / "a")) == rows
    assert list(read_shard_prompts(folder / "a")) == [(row.label, row.prompt) for row in rows]
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_the_schema_of_shards_is_pinned() -> None:
    snapshot = Path(__file__).parent / "shard_schema.txt"
    assert shard_schema(CLASSES).to_string(show_schema_metadata=True, truncate_metadata=False) == snapshot.read_text()


def picture(colour: int) -> np.ndarray:
    return np.full((8, 8, 3), colour, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        Row(encode_png(picture(10)), "cat/0.png", 0, "g0", place="upper left"),
        Row(JPEG.encode(picture(200)), "dog/0.jpg", 1, "dog/0.jpg", prompt="dog", seed=2**62, generator="pocket-base"),
    ]
    write_shard(tmp_path / shard_name(0, 1), rows, CLASSES)
    (tmp_path / "README.md").write_text(dataset_card("pets", CLASSES, "Two pets."))
    return tmp_path


def check(dataset: object) -> None:
    rows = list(dataset)  # type: ignore[call-overload]
    assert [row["label"] for row in rows] == [0, 1]
    assert all(isinstance(row["image"], Image.Image) for row in rows)
    assert np.array_equal(np.asarray(rows[0]["image"]), picture(10))
    assert rows[1]["seed"] == 2**62
    assert rows[1]["prompt"] == "dog"
    assert rows[0]["place"] == "upper left"


def test_hugging_face_reads_the_files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from datasets import load_dataset

    cache = str(tmp_path_factory.mktemp("cache"))
    dataset = load_dataset("parquet", data_files=str(folder / "data-*.parquet"), split="train", cache_dir=cache)
    assert dataset.features["label"].names == ["cat", "dog"]
    check(dataset)


def test_hugging_face_reads_the_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from datasets import load_dataset

    check(load_dataset(str(folder), split="train", cache_dir=str(tmp_path_factory.mktemp("cache"))))


def test_image_bytes_are_unchanged(folder: Path) -> None:
    table = pq.read_table(folder / shard_name(0, 1))
    first = table.column("image")[0].as_py()
    assert first["path"] == "cat/0.png"
    assert Image.open(io.BytesIO(first["bytes"])).format == "PNG"


def test_an_edited_card_is_known() -> None:
    card = dataset_card("pe\udcffts\n", CLASSES, "Two pets.")
    assert "# pe ts\n" in card
    assert is_card_as_written(card)
    assert is_card_as_written(card[: card.index("<!--")])  # of an earlier version
    for edited in (card + "notes", card.replace("Two", "Three"), "notes" + card, card.replace("<!--", "x <!--"), "x"):
        assert not is_card_as_written(edited)
