"""Read columns of Parquet files in small pieces. Files are untrusted: what they unpack to is limited first."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from prettyuseful.data.sources.parquet_pages import RowGroup, check_footer, read_groups, read_pages
from prettyuseful.data.sources.safe_reading import (
    MAX_BYTES,
    catch_parse_errors,
    check_regular,
    check_size,
    printable,
)
from prettyuseful.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 32  # in memory at a time, if images are among them
_TEXT_ROWS = 4096
_IN_MEMORY = 1 << 26  # bytes of values in memory at a time
_MAX_PAGE = 1 << 30
_MAX_TEXT_PAGE = 1 << 26
_MAX_TEXT = 1 << 16
_MAX_RATIO = 100  # of unpacked bytes to bytes in the file, for large pages and for all rows together
_ALLOWANCE = 1 << 29  # bytes that rows may have whatever the size of the file
_MIN_IMAGE = 32  # bytes that a row with an image takes in a file, except for small files
_FEW_ROWS = 10_000
_MAX_LIST = 100  # values in one row
_BUFFER = 1 << 20


@dataclass(frozen=True)
class ParquetFile:
    """An opened Parquet file. `location`: its name in error messages."""

    location: str
    file: pq.ParquetFile
    raw: IO[bytes]

    @property
    def schema(self) -> pa.Schema:
        return self.file.schema_arrow

    def features(self) -> dict[str, Any]:
        """Return the description of the columns by Hugging Face's datasets; empty if there is none."""
        try:
            features = json.loads(self.schema.metadata[b"huggingface"])["info"]["features"]
            return features if isinstance(features, dict) else {}
        except (KeyError, TypeError, ValueError, RecursionError):
            return {}

    def rows(self, columns: Sequence[str], image: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number of each row, from 0, and its values.

        Args:
            columns: the columns to read.
            image: the one of them with images; None if all are texts and numbers.

        Raises:
            DataError: the columns unpack to far more bytes than the file has, or a value is too large.
        """
        index = read = 0
        most = max(_ALLOWANCE, _MAX_RATIO * os.fstat(self.raw.fileno()).st_size)
        for number, group in enumerate(read_groups(self.raw)):
            size = self._check_group(group, columns, image)
            for batch in self.file.iter_batches(size, row_groups=[number], columns=list(columns), use_threads=False):
                for name in columns:
                    if name != image:
                        self._check_texts(batch.column(name), name)
                read += batch.nbytes
                if read > most:
                    raise DataError(
                        f"{self.location} unpacks to more than {_MAX_RATIO} times its size: a few images are repeated "
                        "very often; keep each once"
                    )
                for row in batch.to_pylist():
                    yield index, row
                    index += 1

    def _check_group(self, group: RowGroup, columns: Sequence[str], image: str | None) -> int:
        """Check the pages of the wanted columns of a row group, and return how many rows fit into memory."""
        rows = max(1, group.rows)
        batch = _TEXT_ROWS if image is None else _ROWS
        paths = [self.file.schema.column(i).path for i in range(len(self.file.schema))]
        if len(group.chunks) != len(paths):
            raise DataError(f"{self.location}: broken Parquet: {len(paths)} columns, but {len(group.chunks)} chunks")
        for path, chunk in zip(paths, group.chunks, strict=True):
            name = next((name for name in columns if path == name or path.startswith(f"{name}.")), None)
            if name is None:
                continue
            values = unpacked = 0
            for page in read_pages(self.raw, chunk.start, chunk.size):
                limit = _MAX_PAGE if name == image else _MAX_TEXT_PAGE
                if page.unpacked > limit or (
                    page.unpacked > _MAX_TEXT_PAGE and page.unpacked > _MAX_RATIO * max(1, page.packed)
                ):
                    raise DataError(
                        f"{self.location}: the column '{printable(name)}' unpacks {page.packed:,} bytes to "
                        f"{page.unpacked:,} bytes at once; write the file again in smaller pages"
                    )
                if page.is_dictionary:
                    batch = max(1, min(batch, _IN_MEMORY // max(1, page.unpacked)))
                else:
                    values += page.values
                    unpacked += page.unpacked
            if values > rows * _MAX_LIST:
                raise DataError(
                    f"{self.location}: the column '{printable(name)}' has {values:,} values in {rows:,} rows; "
                    "an image needs one label"
                )
            batch = max(1, min(batch, _IN_MEMORY * rows // max(1, unpacked)))
        return batch

    def _check_texts(self, column: Any, name: str) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.dictionary, kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            check_size(longest, f"{self.location}: a value of the column '{printable(name)}'", _MAX_TEXT)


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetFile]:
    """Yield the opened file. Unbuffered, so that a single row group is not read as a whole.

    Raises:
        DataError: the file is broken, or its schema or number of rows is not that of a file of images.
    """
    import pyarrow.parquet as pq

    location = printable(path)
    check_regular(path)
    with catch_parse_errors(location, "broken Parquet"):
        check_footer(path, location)
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file, path.open("rb") as raw:
            rows, size = file.metadata.num_rows, path.stat().st_size
            if rows > max(_FEW_ROWS, size // _MIN_IMAGE):
                raise DataError(f"{location}: {rows:,} rows in {size:,} bytes cannot all be images; remove the file")
            yield ParquetFile(location, file, raw)


def check_image(data: Any, location: str) -> bytes:
    """Return the bytes of an image in a row.

    Raises:
        DataError: there are none, or too many.
    """
    if not isinstance(data, bytes):
        raise DataError(f"{location} has no image bytes; embed the images, as datasets' to_parquet does")
    check_size(len(data), location, MAX_BYTES)
    return data
