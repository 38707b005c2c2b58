"""Parquet files with one image per row, as Hugging Face's datasets writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from posixpath import normpath, realpath
from typing import Any, ClassVar

from prettyuseful.data.sources.base import Sample, ShardSource
from prettyuseful.data.sources.columns import (
    Columns,
    file_columns,
    given_column,
    image_columns,
    label_columns,
    list_columns,
    other_columns,
    plain_name,
    split_column,
    text_column,
)
from prettyuseful.data.sources.labels import label_text
from prettyuseful.data.sources.parquet_reading import ParquetFile, check_image, open_parquet
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import check_regular, printable, read_file, row_fields
from prettyuseful.data.sources.splits import split_of
from prettyuseful.errors import DataError

_OPTIONAL = ("group", "place", "prompt", "generator", "seed")


@dataclass(frozen=True, eq=False)
class ParquetSource(ShardSource):
    """Images in Parquet files.

    An image is bytes, a structure with bytes, or the name of a file in the folder of the Parquet file. A label is a
    string, or a number. The Hugging Face features of the schema name the numbers; otherwise the class name is the
    number itself. `columns`: the columns of images and labels, where the user named them. `split`: a column of splits
    and the split that is read; None reads all rows.
    """

    columns: Columns = field(default_factory=Columns)
    split: tuple[str, str] | None = None
    kind: ClassVar[Kind] = "parquet"

    def read_labels(self) -> Iterator[str]:
        for shard in self.shards:
            with open_parquet(shard) as file:
                found = find_columns(file, self.columns)
                for index, row in file.rows([found.label, *self._split_column]):
                    if not self._is_read(row):
                        continue
                    yield label_text(row[found.label], found.names, _row_location(shard, index))

    def class_order(self) -> Sequence[str]:
        with open_parquet(self.shards[0]) as file:
            return find_columns(file, self.columns).names or ()

    def reading_notes(self) -> tuple[str, ...]:
        with open_parquet(self.shards[0]) as file:
            found = find_columns(file, self.columns)
        if (found.image, found.label) == ("image", "label"):
            return ()
        return (
            f"{printable(self.location)}: images are read from the column '{printable(found.image)}', labels from "
            f"'{printable(found.label)}'.",
        )

    def read_samples(self) -> Iterator[Sample]:
        for shard, name in zip(self.shards, self.shard_names, strict=True):
            with open_parquet(shard) as file:
                found = find_columns(file, self.columns)
                names = file.schema.names
                text = text_column(names) if "prompt" not in names else None
                optional = [name for name in names if name in (*_OPTIONAL, text) and name not in found.used]
                wanted = [found.image, found.label, *optional]
                wanted += [column for column in self._split_column if column not in wanted]
                for index, row in file.rows(wanted, found.image):
                    if not self._is_read(row):
                        continue
                    location = _row_location(shard, index)
                    label = label_text(row[found.label], found.names, location)
                    if text is not None and text in row and text != found.label:
                        row["prompt"] = row[text]
                    image = row[found.image]
                    fields = {key: row.get(key) for key in _OPTIONAL}
                    yield _sample(image, fields, label, f"{name}/{index:06d}", location, shard.parent)

    @property
    def _split_column(self) -> list[str]:
        return [] if self.split is None else [self.split[0]]

    def _is_read(self, row: Mapping[str, Any]) -> bool:
        return self.split is None or row[self.split[0]] == self.split[1]


def column_of_splits(shards: Sequence[Path]) -> tuple[str, tuple[str, ...]] | None:
    """Return the column that names the split of each row, and the splits in it; None if there are not several.

    Raises:
        DataError: a file is broken.
    """
    found: dict[str, None] = {}
    column = None
    for shard in shards:
        with open_parquet(shard) as file:
            texts = [field.name for field in file.schema if _is_text(_value_type(field.type))]
            column = split_column(texts)
            if column is None:
                return None
            for _, row in file.rows([column]):
                value = row[column]
                if not isinstance(value, str) or split_of(value) is None:
                    return None
                found[value] = None
    is_several = len({split_of(value) for value in found}) > 1
    return (column, tuple(sorted(found))) if column is not None and is_several else None


def is_labelled(shards: Sequence[Path], columns: Columns) -> bool:
    """Return whether the first image has a label. On the hub, test images without labels have -1 or nothing.

    Raises:
        DataError: a file is broken, or no column fits.
    """
    with open_parquet(shards[0]) as file:
        label = find_columns(file, columns).label
        return all(row[label] not in (None, -1) for _, row in islice(file.rows([label]), 1))


@dataclass(frozen=True)
class FoundColumns:
    """The columns that are read. `names`: class names of the numbers in the column `label`, or None."""

    image: str
    label: str
    names: tuple[str, ...] | None

    @property
    def used(self) -> tuple[str, str]:
        return self.image, self.label


def find_columns(file: ParquetFile, columns: Columns) -> FoundColumns:
    """Find the columns of images and labels.

    The columns `image` and `label` are taken, or else the only ones whose types and names fit.

    Raises:
        DataError: none fits, or several do.
    """
    image = _image_column(file, columns.image)
    label = _label_column(file, columns.label, image)
    return FoundColumns(image, label, _class_names(file.features().get(label)))


def _image_column(file: ParquetFile, given: str | None) -> str:
    names = file.schema.names
    if given is not None:
        return given_column(given, names, file.location, "image")
    encoded = [field.name for field in file.schema if _holds_bytes(field.type)]
    texts = [field.name for field in file.schema if _is_text(field.type)]
    fitting = encoded or [name for name in file_columns(texts) if plain_name(name) not in ("id", "name", "uuid")][:1]
    fitting = fitting or [name for name in names if name == "image"]  # its rows say what is wrong
    return _only(file, "image", fitting, image_columns(fitting))


def _label_column(file: ParquetFile, given: str | None, image: str) -> str:
    names = file.schema.names
    if given is not None:
        return given_column(given, names, file.location, "label")
    fitting = [field.name for field in file.schema if field.name != image and _is_label(field.type)]
    features = file.features()
    named = [name for name in fitting if _class_names(features.get(name))]
    known = label_columns(fitting)
    if "label" not in fitting and len(named) == 1:
        return str(named[0])
    fitting = known or other_columns(fitting) or [name for name in names if name == "label"]
    return _only(file, "label", fitting, known)


def _only(file: ParquetFile, wanted: str, fitting: Sequence[str], by_name: Sequence[str]) -> str:
    """Return the column that is named as wanted, or else the only one that fits, or the only one of these by name."""
    if wanted in fitting:
        return wanted
    for candidates in (fitting, by_name):
        if len(candidates) == 1:
            return candidates[0]
    listed = list_columns(file.schema.names)
    if fitting:
        raise DataError(
            f"{file.location} has several columns that could be the {wanted}: {list_columns(fitting)}; set "
            f"`{wanted}: ` to one of them"
        )
    raise DataError(
        f"{file.location} has no column {wanted}, and no other column fits (it has {listed}); set `{wanted}: ` to the "
        f"name of the column, or rename it to {wanted}"
    )


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_struct(kind):
        names = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        return "bytes" in names and not types.is_struct(names["bytes"]) and _holds_bytes(names["bytes"])
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _value_type(kind: Any) -> Any:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_label(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_dictionary(kind):
        kind = kind.value_type
    return bool(_is_text(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _class_names(feature: Any) -> tuple[str, ...] | None:
    """Return the names of a column of class labels, or of lists of them; None if it has no names."""
    for _ in range(2):
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        if not isinstance(feature, dict):
            return None
        names = feature.get("names")
        if isinstance(names, list) and names:
            return tuple(map(str, names))
        feature = feature.get("feature")
    return None


def _row_location(shard: Path, index: int) -> str:
    return f"{printable(shard)}: row {index}"


def _sample(image: Any, fields: dict[str, Any], label: str, path: str, location: str, folder: Path) -> Sample:
    data, name = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, None)
    if data is None and isinstance(name, str):
        data = name
    if isinstance(data, str):
        return Sample(label, path, location, partial(_read_beside, folder, data, location), row_fields(fields))
    data = check_image(data, location)
    if isinstance(name, str):
        location = f"{location} ({printable(name)})"
    return Sample(label, path, location, lambda: data, row_fields({**fields, "path": name}))


def _read_beside(folder: Path, name: str, location: str) -> bytes:
    """Read an image file that a row names, in the folder of the Parquet file.

    Raises:
        DataError: the name leads out of the folder, or the file cannot be read.
    """
    relative = normpath(name.replace("\\", "/"))
    path = folder / relative
    is_outside = relative.startswith(("/", "..")) or relative[1:3] == ":/" or "\0" in name
    if is_outside or not Path(realpath(path)).is_relative_to(realpath(folder)):
        raise DataError(
            f"{location} names the file '{printable(name)}', which is not in {printable(folder)}; embed the images, as "
            "datasets' to_parquet does"
        )
    if not path.exists():
        raise DataError(
            f"{location} has no image bytes, and there is no file '{printable(name)}' in {printable(folder)}; embed "
            "the images, as datasets' to_parquet does"
        )
    check_regular(path)
    return read_file(path)


def has_images(file: ParquetFile) -> bool:
    """Return whether a Parquet file has a column of encoded images, and not only names of files."""
    return any(_holds_bytes(field.type) for field in file.schema)
