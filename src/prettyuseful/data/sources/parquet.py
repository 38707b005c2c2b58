"""Parquet files in the Hugging Face convention: columns `image` (bytes and path) and `label`, and optional columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from prettyuseful.data.sources.base import Sample, ShardSource
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import (
    catch_parse_errors,
    check_name,
    check_size,
    printable,
    row_fields,
)
from prettyuseful.errors import DataError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_REQUIRED = ("image", "label")
_OPTIONAL = ("group", "place", "prompt", "generator", "seed")
_IMAGES, _LABELS = 32, 4096  # rows in memory at a time
_BUFFER = 1 << 20


@dataclass(frozen=True)
class ParquetSource(ShardSource):
    """Images in Parquet files.

    A label is a string, or a number. The Hugging Face features of the schema name the numbers; otherwise the class name
    is the number itself.
    """

    kind: ClassVar[Kind] = "parquet"

    def labels(self) -> Iterator[str]:
        for shard in self.shards:
            with _open_shard(shard) as file:
                names = _label_names(file)
                for index, row in _rows(file, ["label"], _LABELS):
                    yield _label_name(row["label"], names, _row_location(shard, index))

    def class_order(self) -> Sequence[str]:
        with _open_shard(self.shards[0]) as file:
            return _label_names(file) or ()

    def samples(self) -> Iterator[Sample]:
        for shard in self.shards:
            with _open_shard(shard) as file:
                names = _label_names(file)
                for index, row in _rows(file, [*_REQUIRED, *_OPTIONAL], _IMAGES):
                    location = _row_location(shard, index)
                    yield _sample(
                        row, _label_name(row["label"], names, location), f"{shard.name}/{index:06d}", location
                    )


def _row_location(shard: Path, index: int) -> str:
    return f"{printable(shard)}: row {index}"


@contextmanager
def _open_shard(shard: Path) -> Iterator[pq.ParquetFile]:
    """Yield the opened file. Unbuffered, so that a single row group is not read as a whole."""
    import pyarrow.parquet as pq

    location = printable(shard)
    with (
        catch_parse_errors(location, "broken Parquet"),
        pq.ParquetFile(shard, buffer_size=_BUFFER, pre_buffer=False) as file,
    ):
        columns = file.schema_arrow.names
        if missing := [name for name in _REQUIRED if name not in columns]:
            raise DataError(
                f"{location} has no column {' and no column '.join(missing)} (it has {printable(', '.join(columns))}); "
                "rename the columns to image and label"
            )
        yield file


def _rows(file: pq.ParquetFile, columns: Sequence[str], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
    present = [name for name in columns if name in file.schema_arrow.names]
    index = 0
    for batch in file.iter_batches(size, columns=present, use_threads=False):
        for row in batch.to_pylist():
            yield index, row
            index += 1


def _label_names(file: pq.ParquetFile) -> list[str] | None:
    try:
        features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
        return [str(name) for name in features["label"]["names"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _label_name(label: Any, names: Sequence[str] | None, location: str) -> str:
    if isinstance(label, str):
        return check_name(label, location)
    if type(label) is int and 0 <= label < (len(names) if names else 1 << 31):
        return check_name(names[label], location) if names else str(label)
    known = f"the schema names {len(names)} classes" if names else "a label must be a string or a number from 0"
    raise DataError(f"{location} has label {printable(repr(label))}, but {known}; correct or remove the row")


def _sample(row: dict[str, Any], label: str, path: str, location: str) -> Sample:
    image = row["image"]
    data, name = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, None)
    if not isinstance(data, bytes):
        raise DataError(f"{location} has no image bytes; embed the images, as datasets' to_parquet does")
    check_size(len(data), location)
    if isinstance(name, str):
        location = f"{location} ({printable(name)})"
    return Sample(label, path, location, lambda: data, row_fields({**row, "path": name}))
