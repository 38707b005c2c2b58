"""Parquet files in the Hugging Face convention: `image` (bytes and path) and `label`, and our own columns if there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from prettyuseful.data.sources.base import Sample, ShardSource
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.reading import check_name, check_size, parsing, row_fields, shown
from prettyuseful.errors import DataError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_NEEDED = ("image", "label")
_CARRIED = ("group", "place", "prompt", "generator", "seed")
_IMAGES, _LABELS = 32, 4096  # rows in memory at a time
_BUFFER = 1 << 20


@dataclass(frozen=True)
class ParquetSource(ShardSource):
    """A label is a text, or a number that the schema's Hugging Face features name; else it is called by its number."""

    kind: ClassVar[Kind] = "parquet"

    def labels(self) -> Iterator[str]:
        for shard in self.shards:
            with _opened(shard) as file:
                names = _label_names(file)
                for index, row in _rows(file, ["label"], _LABELS):
                    yield _name(row["label"], names, _where(shard, index))

    def named_order(self) -> Sequence[str]:
        with _opened(self.shards[0]) as file:
            return _label_names(file) or ()

    def samples(self) -> Iterator[Sample]:
        for shard in self.shards:
            with _opened(shard) as file:
                names = _label_names(file)
                for index, row in _rows(file, [*_NEEDED, *_CARRIED], _IMAGES):
                    where = _where(shard, index)
                    yield _sample(row, _name(row["label"], names, where), f"{shard.name}/{index:06d}", where)


def _where(shard: Path, index: int) -> str:
    return f"{shown(shard)}: row {index}"


@contextmanager
def _opened(shard: Path) -> Iterator[pq.ParquetFile]:
    """The file, to be read piece by piece even where a row group is the whole of it."""
    import pyarrow.parquet as pq

    where = shown(shard)
    with parsing(where, "broken Parquet"), pq.ParquetFile(shard, buffer_size=_BUFFER, pre_buffer=False) as file:
        columns = file.schema_arrow.names
        if missing := [name for name in _NEEDED if name not in columns]:
            raise DataError(
                f"{where} has no column {' and no column '.join(missing)} (it has {shown(', '.join(columns))}); "
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


def _name(label: Any, names: Sequence[str] | None, where: str) -> str:
    if isinstance(label, str):
        return check_name(label, where)
    if type(label) is int and 0 <= label < (len(names) if names else 1 << 31):
        return check_name(names[label], where) if names else str(label)
    known = f"the schema names {len(names)} classes" if names else "a label is a text or a number from 0"
    raise DataError(f"{where} has label {shown(repr(label))}, but {known}; mend or remove the row")


def _sample(row: dict[str, Any], label: str, path: str, where: str) -> Sample:
    image = row["image"]
    data, name = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, None)
    if not isinstance(data, bytes):
        raise DataError(f"{where} holds no image bytes; write the set with them, as datasets' to_parquet does")
    check_size(len(data), where)
    if isinstance(name, str):
        where = f"{where} ({shown(name)})"
    return Sample(label, path, where, lambda: data, row_fields({**row, "path": name}))
