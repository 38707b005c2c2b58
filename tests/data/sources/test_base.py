"""What all sources have in common, on one whose samples are written down in the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import encode_png
from prettyuseful.data.sources.base import Sample, SampledSource
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
    read: list[str] = field(default_factory=list)

    def read_samples(self) -> Iterator[Sample]:
        for label, path, data, fields in self.images:
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


def test_rows_are_a_draw_of_each_class_in_the_order_of_the_classes() -> None:
    source = listed(*["dog", "cat"] * 20)
    rows = list(source.rows(("cat", "dog"), 5))
    assert [row.label for row in rows] == [0] * 5 + [1] * 5
    assert [int(row.path.split(".")[0]) % 2 for row in rows] == [1] * 5 + [0] * 5
    assert [row.path for row in rows] != sorted(row.path for row in rows)
    first = rows[0]
    number = int(first.path.split(".")[0])
    assert first == Row(image(number), f"{number}.png", 0, group=source.content_ids()[f"{number}.png"])
    assert {len(content_id) for content_id in source.content_ids().values()} == {32}


def test_a_small_draw_is_the_start_of_a_large_one_class_by_class() -> None:
    source = listed(*["dog", "cat"] * 20)
    few = [row.path for row in source.rows(("cat", "dog"), ClassCounts((3, 1)))]
    many = [row.path for row in source.rows(("cat", "dog"), 8)]
    assert few == [*many[:3], many[8]]
    assert list(source.rows(("cat", "dog"), 0)) == []
    assert [row.label for row in source.rows(("cat", "dog"), ClassCounts((0, 2)))] == [1, 1]


LABELLED_SHADES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=3, max_size=24)


@settings(max_examples=60, deadline=None)
@given(LABELLED_SHADES, st.randoms(use_true_random=False), st.integers(1, 6))
def test_other_names_and_another_order_give_equal_pixels_labels_and_groups(
    images: list[tuple[str, int]], random: Random, per_class: int
) -> None:
    """Names of files and their order say nothing about images, so they must not decide which are taken."""

    def source(order: Sequence[int], names: Sequence[str]) -> Listed:
        return Listed([(images[i][0], names[i], image(images[i][1]), {}) for i in order])

    numbers, shuffled = list(range(len(images))), list(range(len(images)))
    random.shuffle(shuffled)
    names = [f"{random.random()}-{i}.png" for i in numbers]
    first, second = source(numbers, [f"{i}.png" for i in numbers]), source(shuffled, names)
    counts = first.counts()
    wanted = ClassCounts(tuple(min(per_class, counts[name]) for name in sorted(counts)))
    rows, others = (
        [(row.data, row.label, row.group) for row in one.rows(sorted(counts), wanted)] for one in (first, second)
    )
    assert rows == others
    assert Counter(label for _, label, _ in rows) == Counter(
        {label: wanted[label] for label in range(len(counts)) if wanted[label]}
    )


def test_all_bytes_are_read_once_for_the_fingerprint_and_the_content_ids() -> None:
    source = listed("dog", "cat")
    source.fingerprint(), source.content_ids(), source.counts(), source.notes()
    assert source.read == ["0.png", "1.png"]


def test_the_fingerprint_covers_names_labels_contents_fields_and_the_order_of_classes() -> None:
    def fingerprint(
        label: str = "a", path: str = "0", data: bytes = b"x", order: tuple[str, ...] = (), **f: Any
    ) -> str:
        return Listed([(label, path, data, f)], order=order).fingerprint()

    different = [fingerprint(), fingerprint("b"), fingerprint(path="1"), fingerprint(data=b"y"), fingerprint(seed=1)]
    different.append(fingerprint(order=("a", "b")))
    assert len(set(different)) == 6
    assert fingerprint() == fingerprint()


def test_an_image_that_occurs_twice_under_one_path_is_refused() -> None:
    with pytest.raises(DataError, match=r"my-images/0\.png occurs twice"):
        Listed([("dog", "0.png", image(0), {})] * 2).content_ids()


def test_spellings_of_a_class_are_merged_and_named() -> None:
    source = listed("Hot dog", "hot_dog", "hot_dog", "cat")
    assert source.counts() == {"hot_dog": 3, "cat": 1}
    assert [sample.label for sample in source.samples()] == ["hot_dog", "hot_dog", "hot_dog", "cat"]
    assert source.notes() == ("my-images: 'Hot dog' (1) and 'hot_dog' (2) are read as one class, 'hot_dog'.",)
    assert len(list(source.rows(["hot dog"], 3))) == 3


def test_fields_of_a_sample_replace_the_defaults() -> None:
    fields = {"path": "a/b.png", "group": "block 3", "place": "left", "prompt": "a dog", "seed": 5}
    source = Listed([("dog", "0.png", image(0), fields)])
    assert list(source.rows(("dog",), 1)) == [Row(image(0), "a/b.png", 0, "block 3", "left", "a dog", 5)]


def test_broken_images_are_named_together_up_to_five() -> None:
    source = Listed([("dog", f"{i}.png", b"x%d" % i if i else image(0), {}) for i in range(9)])
    with pytest.raises(DataError) as error:
        list(source.rows(("dog",), 9))
    assert sum(f"my-images/{i}.png" in str(error.value) for i in range(1, 9)) == 5
    assert "my-images/0.png" not in str(error.value)


def test_too_few_images_are_refused_before_any_is_read() -> None:
    source = listed("dog", "cat", "dog")
    with pytest.raises(DataError, match="class 'cat' has only 1 images, but 2 were requested"):
        next(source.rows(("cat", "dog"), 2))
    assert source.read == []


def test_images_that_disappear_while_reading_are_reported() -> None:
    source = listed("dog", "dog")
    source.content_ids()
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


def test_shards_with_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    def names(*paths: str) -> tuple[str, ...]:
        return ParquetSource("here", tuple(tmp_path / path for path in paths)).shard_names

    assert names("a/0.parquet", "a/1.parquet") == ("0.parquet", "1.parquet")
    assert names("a/0.parquet", "b/0.parquet") == ("a/0.parquet", "b/0.parquet")


def test_fingerprint_depends_on_shards_not_on_their_folder(tmp_path: Path) -> None:
    def fingerprint(folder: str, name: str = "0.parquet", shade: int = 1, label: str = "x") -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": [image(shade)], "label": [label]}), tmp_path / folder / name)
        return ParquetSource(folder, (tmp_path / folder / name,)).fingerprint()

    assert fingerprint("a") == fingerprint("b")
    others = [fingerprint("c", "1.parquet"), fingerprint("d", shade=2), fingerprint("e", label="y")]
    assert len({fingerprint("a"), *others}) == 4
    gone = ParquetSource("gone", (tmp_path / "none.parquet",))
    with pytest.raises(DataError, match=r"none\.parquet: cannot be read"):
        gone.fingerprint()
