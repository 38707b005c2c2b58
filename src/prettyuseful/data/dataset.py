"""Data sets on disk: Parquet shards that Hugging Face's `load_dataset("parquet", ...)` reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prettyuseful.errors import one_line

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_SCHEMA_VERSION = 1
SHARD_MARK = b"prettyuseful"
"""What every shard contains near its end, in its metadata."""
SOURCE = "source"
"""The column with the sources of images that were generated from real ones."""
_ROWS_PER_GROUP = 100


@dataclass(frozen=True)
class Row:
    """One labelled image.

    `data`: encoded image. `path`: its path in its source. `label`: index of the class. `group`: name of its group;
    images of one group, such as crops of one block, are resampled together. `place`: position of a crop in its
    photograph, in words; None if unknown. `prompt`, `seed` (63 bits) and `generator` are None for real images.
    `source`: for an image that was generated from a real training image, the path of that image in the task.
    """

    data: bytes
    path: str
    label: int
    group: str
    place: str | None = None
    prompt: str | None = None
    seed: int | None = None
    generator: str | None = None
    source: str | None = None


_OF_REAL = "from real/"


def group_of_source(group: str) -> str:
    """Return the group of images that were generated from real training images of the group `group`."""
    return f"{_OF_REAL}{group}"


def group_in_mix(part: str, group: str) -> str:
    """Return the group of an image of the data set `part` among images of several data sets.

    Groups of different data sets stay apart, but a real image (of the part `real`) and the images that were generated
    from it are in one group.
    """
    return group.removeprefix("from ") if group.startswith(_OF_REAL) else f"{part}/{group}"


def shard_schema(classes: Sequence[str], with_sources: bool = False) -> pa.Schema:
    """Return the columns of a shard. Its metadata makes Hugging Face decode the images and name the labels.

    `with_sources`: see `write_shard`.
    """
    import pyarrow as pa

    texts = ("group", "place", "prompt", "generator", *((SOURCE,) if with_sources else ()))
    features = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        **{name: {"dtype": "string", "_type": "Value"} for name in texts},
        "seed": {"dtype": "int64", "_type": "Value"},
    }
    fields = [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("label", pa.int64()),
        *(pa.field(name, pa.string()) for name in texts),
        pa.field("seed", pa.int64()),
    ]
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}),
        "prettyuseful": json.dumps({"schema_version": SHARD_SCHEMA_VERSION}),
    }
    return pa.schema(fields, metadata=metadata)


def write_shard(path: Path, rows: Iterable[Row], classes: Sequence[str], with_sources: bool = False) -> int:
    """Write the rows to a Parquet file, in order, and return their number. Equal rows give equal bytes.

    `with_sources`: with a column for the source of each image. Shards of images without sources have none, as before
    there were sources.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count = shard_schema(classes, with_sources), 0
    # Encoded images cannot be compressed further, and a dictionary of them would only cost time.
    options = {"compression": "none", "use_dictionary": ["label", "generator"]}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for chunk in _chunks(rows, _ROWS_PER_GROUP):
            table = [
                {
                    "image": {"bytes": row.data, "path": row.path},
                    "label": row.label,
                    "group": row.group,
                    "place": row.place,
                    "prompt": row.prompt,
                    "seed": row.seed,
                    "generator": row.generator,
                    **({SOURCE: row.source} if with_sources else {}),
                }
                for row in chunk
            ]
            writer.write_table(pa.Table.from_pylist(table, schema=schema))
            count += len(chunk)
    return count


def read_shard(path: Path, first: int = 0, stop: int | None = None) -> Iterator[Row]:
    """Yield the rows `first` to `stop` (exclusive; None for the end) of a shard, with one row group in memory."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        start, end = 0, file.metadata.num_rows if stop is None else stop
        for index in range(file.num_row_groups):
            rows = file.metadata.row_group(index).num_rows
            if start < end and start + rows > first:
                for row in file.read_row_group(index).to_pylist()[max(0, first - start) : end - start]:
                    image = row.pop("image")
                    yield Row(data=image["bytes"], path=image["path"], **row)
            start += rows


def read_shard_index(path: Path) -> Iterator[tuple[str, int, str]]:
    """Yield path, label and group of each row of a shard, without reading the images."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for index in range(file.num_row_groups):
            for row in file.read_row_group(index, columns=["image.path", "label", "group"]).to_pylist():
                yield row["image"]["path"], row["label"], row["group"]


def read_shard_prompts(path: Path) -> Iterator[tuple[int, str | None]]:
    """Yield label and prompt of each row of a shard, without reading the images."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for index in range(file.num_row_groups):
            for row in file.read_row_group(index, columns=["label", "prompt"]).to_pylist():
                yield row["label"], row["prompt"]


def has_sources(path: Path) -> bool:
    """Return whether a shard has a column for the sources of its images."""
    import pyarrow.parquet as pq

    return SOURCE in pq.read_schema(path).names


def shard_classes(path: Path) -> tuple[str, ...]:
    """Return the class names in the metadata of a shard that `write_shard` wrote."""
    import pyarrow.parquet as pq

    features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    return tuple(features["label"]["names"])


def shard_name(index: int, count: int) -> str:
    return f"data-{index:05d}-of-{count:05d}.parquet"


def is_shard_name(name: str) -> bool:
    """Whether a file name is one that `shard_name` makes."""
    return _SHARD_NAME.fullmatch(name) is not None


_SHARD_NAME = re.compile(r"data-[0-9]{5,}-of-[0-9]{5,}\.parquet")


_CARD_HEADER = "---\nconfigs:\n- config_name: default\n  data_files: data-*-of-*.parquet\n---\n"
_CARD_END = "Written by prettyuseful."


def dataset_card(name: str, classes: Sequence[str], description: str) -> str:
    """Return the README.md of a data set folder. Its header makes the folder a Hugging Face data set."""
    listing = one_line(", ".join(classes))
    title = one_line(name)
    text = f"{_CARD_HEADER}# {title}\n\n{description}\n\n{len(classes)} classes: {listing}.\n\n{_CARD_END}\n"
    return f"{text}{_card_checksum(text)}"


def is_card_as_written(text: str) -> bool:
    """Return whether nobody has edited the text of `dataset_card`, as far as that can be known."""
    before, end, after = text.rpartition(f"{_CARD_END}\n")
    return text.startswith(_CARD_HEADER) and bool(end) and after in ("", _card_checksum(before + end))


def _card_checksum(text: str) -> str:
    return f"<!-- SHA-256 of the text above: {hashlib.sha256(text.encode()).hexdigest()} -->\n"


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
