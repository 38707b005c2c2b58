"""What all sources have in common, on one whose samples are written down in the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import encode_png
from prettyuseful.data.sources.base import Sample, SampledSource, ShardSource
from prettyuseful.data.sources.parquet import ParquetSource
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.errors import DataError


def image(shade: int) -> bytes:
    return encode_png(np.full((2, 2, 3), shade, np.uint8))


@dataclass
class Listed(SampledSource):
    """Label, path, data and further fields of each image."""

    images: Sequence[tuple[str, str, bytes, dict[str, Any]]]
    location: str = "my-images"
    order: tuple[str, ...] = ()
    kind: ClassVar[Kind] = "webdataset"
    walked: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return Path()

    def files(self) -> Iterator[Path]:
        return iter(())

    def samples(self) -> Iterator[Sample]:
        for label, path, data, fields in self.images:
            self.walked.append(path)
            yield Sample(label, path, f"{self.location}/{path}", partial(self._read, path, data), fields)

    def class_order(self) -> Sequence[str]:
        return self.order

    def _read(self, path: str, data: bytes) -> bytes:
        self.read.append(path)
        return data


def listed(*labels: str) -> Listed:
    return Listed([(label, f"{i}.png", image(i), {}) for i, label in enumerate(labels)])


def test_counts_use_the_class_names_of_the_source() -> None:
    assert listed("dog", "cat", "dog").counts() == {"dog": 2, "cat": 1}


@pytest.mark.parametrize(
    ("labels", "order", "names"),
    [
        ("dog cat", (), ("cat", "dog")),
        ("10 9 100", (), ("9", "10", "100")),
        ("dog cat ant", ("dog", "bird"), ("dog", "ant", "cat")),
        ("b 2 a 10", ("10",), ("10", "a", "b", "2")),
    ],
)
def test_class_names_are_in_the_order_of_the_source_or_sorted(
    labels: str, order: tuple[str, ...], names: tuple[str, ...]
) -> None:
    source = listed(*labels.split())
    source.order = order
    assert source.class_names() == names


def test_rows_are_the_first_of_each_class_in_the_sources_order() -> None:
    source = listed("dog", "cat", "dog", "bird", "dog", "cat")
    rows = list(source.rows(("cat", "dog"), 2))
    assert [(row.path, row.label) for row in rows] == [("0.png", 1), ("1.png", 0), ("2.png", 1), ("5.png", 0)]
    assert rows[1] == Row(image(1), "1.png", 0, group="1.png")
    assert source.read == ["0.png", "1.png", "2.png", "5.png"]


def test_reading_stops_once_every_class_has_enough() -> None:
    source = listed("dog", "cat", "dog", "cat")
    source.counts()
    source.walked.clear()
    assert len(list(source.rows(("cat", "dog"), 1))) == 2
    assert source.read == source.walked == ["0.png", "1.png"]
    assert list(source.rows(("cat", "dog"), 0)) == []
    assert source.read == ["0.png", "1.png"]


def test_fields_of_a_sample_replace_the_defaults() -> None:
    fields = {"path": "a/b.png", "group": "block 3", "place": "left", "prompt": "a dog", "seed": 5}
    source = Listed([("dog", "0.png", image(0), fields)])
    assert list(source.rows(("dog",), 1)) == [Row(image(0), "a/b.png", 0, "block 3", "left", "a dog", 5)]


def test_broken_images_are_named_together_up_to_five() -> None:
    source = Listed([("dog", f"{i}.png", b"x" if i else image(0), {}) for i in range(9)])
    rows = source.rows(("dog",), 9)
    assert next(rows).path == "0.png"
    with pytest.raises(DataError) as error:
        next(rows)
    named = [f"my-images/{i}.png" in str(error.value) for i in range(9)]
    assert named == [False, *[True] * 5, *[False] * 3]


def test_too_few_images_are_refused_before_any_is_read() -> None:
    source = listed("dog", "cat", "dog")
    with pytest.raises(DataError, match="class 'cat' has only 1 images, but 2 were requested"):
        next(source.rows(("cat", "dog"), 2))
    assert source.read == []


def test_images_that_disappear_while_reading_are_reported() -> None:
    source = listed("dog", "dog")
    source.counts()
    source.images = source.images[:1]
    with pytest.raises(DataError, match="my-images changed while it was read"):
        list(source.rows(("dog",), 2))
    with pytest.raises(DataError, match="my-images changed while it was read"):
        list(source.read_in_order(["1.png"]))


def test_read_in_order_reads_each_image_once() -> None:
    source = listed("dog", "cat", "dog", "cat")
    result = [(sample.path, data) for sample, data in source.read_in_order(["3.png", "0.png", "2.png"])]
    assert result == [("3.png", image(3)), ("0.png", image(0)), ("2.png", image(2))]
    assert source.read == ["0.png", "2.png", "3.png"]


def test_the_root_of_shards_is_the_nearest_folder_of_all(tmp_path: Path) -> None:
    def root(*names: str) -> Path:
        return ParquetSource("here", tuple(tmp_path / name for name in names)).root

    assert root("a/0.parquet") == tmp_path / "a"
    assert root("a/0.parquet", "a/1.parquet") == tmp_path / "a"
    assert root("a/0.parquet", "b/0.parquet") == tmp_path
    assert root("a/0.parquet", "a/more/1.parquet") == tmp_path / "a"


def test_fingerprint_depends_on_shards_not_on_their_folder(tmp_path: Path) -> None:
    def fingerprint(folder: str, name: str = "0.parquet", data: bytes = b"one") -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(data)
        source: ShardSource = ParquetSource(folder, (tmp_path / folder / name,))
        return source.fingerprint()

    assert fingerprint("a") == fingerprint("b")
    assert len({fingerprint("a"), fingerprint("c", "1.parquet"), fingerprint("d", data=b"two")}) == 3
    gone = ParquetSource("gone", (tmp_path / "none.parquet",))
    with pytest.raises(DataError, match="gone: cannot be read"):
        gone.fingerprint()
