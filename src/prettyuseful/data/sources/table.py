"""Images that a table lists with their labels, such as Hugging Face's `metadata.csv` or Kaggle's `labels.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from posixpath import normpath, splitext
from typing import Any, ClassVar

from prettyuseful.data.sources.base import Sample, SampledSource
from prettyuseful.data.sources.columns import (
    Columns,
    file_columns,
    given_column,
    label_columns,
    list_columns,
    other_columns,
    plain_name,
    split_column,
    text_column,
)
from prettyuseful.data.sources.file_kinds import suffix_of
from prettyuseful.data.sources.imagefolder import check_problems, tree_notes
from prettyuseful.data.sources.labels import label_text
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import printable, read_file, row_fields
from prettyuseful.data.sources.splits import canonical_split, split_in, split_of
from prettyuseful.data.sources.tables import table_columns, table_rows
from prettyuseful.data.sources.walker import Folder
from prettyuseful.errors import DataError

_FIRST_ROWS = 20  # in which names of files are looked for
_ONE_HOT = frozenset(["0", "1", "0.0", "1.0"])


@dataclass(frozen=True)
class Entry:
    """A line of a table: the path of an image below the place, its label or None, and further fields of its row."""

    path: str
    label: str | None
    split: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The images that tables list.

    `tables`: their paths below the place. `listed`: number of images in all splits. `is_clear`: whether a column has a
    name that says that it holds labels; otherwise the only other column is taken.
    """

    tables: tuple[str, ...]
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]
    listed: int
    is_clear: bool

    @property
    def has_labels(self) -> bool:
        return any(entry.label is not None for entry in self.entries)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names in the column of splits if they are names of several splits; otherwise empty."""
        names = {entry.split for entry in self.entries if entry.split}
        is_split = all(map(split_of, names)) and len({split_of(name) for name in names}) > 1
        return tuple(sorted(names)) if is_split else ()

    def of_split(self, name: str) -> Listing:
        return replace(self, entries=tuple(entry for entry in self.entries if entry.split == name))


@dataclass(frozen=True, eq=False)
class TableSource(SampledSource):
    """Images that tables list.

    `location`: the place. `folder`: what holds the images, below `root`. `listing`: labels of images.
    """

    location: str
    root: Path
    folder: Folder
    listing: Listing
    place_notes: tuple[str, ...] = ()
    kind: ClassVar[Kind] = "table"

    def read_samples(self) -> Iterator[Sample]:
        check_problems(self.folder)
        for entry in self._labelled:
            path = self.root / entry.path
            yield Sample(str(entry.label), entry.path, printable(path), partial(read_file, path), entry.fields)

    def read_labels(self) -> Iterator[str]:
        return (str(entry.label) for entry in self._labelled)

    def read_in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        samples = {sample.path: sample for sample in self.samples()}
        for path in paths:
            if path not in samples:
                raise self.changed_error()
            yield samples[path], samples[path].read()

    def reading_notes(self) -> tuple[str, ...]:
        place, names = printable(self.location), " and ".join(map(printable, self.listing.tables[:3]))
        notes = [*self.listing.notes]
        if without := len(self.listing.entries) - len(self._labelled):
            notes.append(f"{place}: {without} images have no label in {names} and are left out.")
        if unlisted := self.folder.below - self.listing.listed:
            notes.append(f"{place}: {unlisted} images are not listed in {names} and are left out.")
        return (*notes, *tree_notes(self.folder, self.location, self.listing.tables))

    @cached_property
    def _labelled(self) -> list[Entry]:
        return sorted((entry for entry in self.listing.entries if entry.label is not None), key=lambda e: e.path)


@dataclass(frozen=True)
class _Format:
    """Which columns of a table are read. `one_hot`: columns of which one is 1; otherwise empty."""

    image: str
    label: str | None
    one_hot: tuple[str, ...]
    has_header: bool
    columns: tuple[str, ...]


class Images:
    """The images of a place, found by the names that a table gives to them.

    Args:
        root: the folder that all paths are relative to.
        part: the folder whose images are wanted.
        place: all that the place holds.
    """

    def __init__(self, root: Path, part: Folder, place: Folder) -> None:
        self._root, self._part, self._place = root, part, place
        self._paths = set(place.image_paths())
        self.wanted = self._paths if part is place else set(part.image_paths())

    def is_for_part(self, table: str) -> bool:
        """Return whether a table is about the wanted images alone: it lies among them, or its name is their split's."""
        is_below = self._part is self._place or not self._part.path or table.startswith(f"{self._part.path}/")
        return is_below or _split_of_table(table) == canonical_split(self._part.name)

    def is_for_others(self, table: str) -> bool:
        """Return whether the name of a table is that of another split."""
        return not self.is_for_part(table) and _split_of_table(table) is not None

    def find(self, value: Any, table: str) -> str | None:
        """Return the path of the image that a table names, or None if there is no such image.

        A name is relative to the table, to the place or, in a table about the wanted images alone, to their folder. Its
        suffix, and folders in front, may be missing.

        Raises:
            DataError: the name leads out of the place, or several images have it.
        """
        name = _relative(str(value), self._root)
        if name is None:
            return None
        is_for_part = self.is_for_part(table)
        above = table.rpartition("/")[0]
        for folder in dict.fromkeys((above, *([self._part.path] if is_for_part else []), "")):
            path = normpath(f"{folder}/{name}") if folder else normpath(name)
            if path in self._paths:
                return path
            if self._by_stem.get(path):
                return self._by_stem[path]
        if "/" in name:
            return None
        names = self._wanted_by_name if is_for_part else self._by_name
        if names.get(name, "") is None:
            raise DataError(f"several images have the name '{printable(name)}'; write the folders in front, too")
        return names.get(name)

    @cached_property
    def _by_stem(self) -> dict[str, str | None]:
        return _unique((splitext(path)[0], path) for path in self._paths)

    @cached_property
    def _by_name(self) -> dict[str, str | None]:
        return _by_name(self._paths)

    @cached_property
    def _wanted_by_name(self) -> dict[str, str | None]:
        return _by_name(self.wanted)


def _by_name(paths: set[str]) -> dict[str, str | None]:
    """Return the path of an image by its name, with and without suffix; None if several have the name."""
    names = ((path.rpartition("/")[2], path) for path in paths)
    return _unique((name, path) for full, path in names for name in {full, splitext(full)[0]})


def _split_of_table(table: str) -> str | None:
    return split_in(splitext(table.rpartition("/")[2])[0])


def is_metadata(name: str) -> bool:
    """Return whether a table has the name that Hugging Face's imagefolder looks for."""
    return name.rpartition("/")[2].lower().startswith("metadata.")


def read_listing(
    root: Path, tables: Sequence[str], part: Folder, place: Folder, columns: Columns, strict: bool = False
) -> Listing | None:
    """Read the images that tables list; None if the tables do not name images.

    Args:
        root: the folder that the paths are relative to.
        tables: paths of tables below the place.
        part: the folder whose images are wanted.
        place: all that the place holds; images in it but not in `part` are passed over.
        columns: columns that the user named.
        strict: whether a table that names no images is an error.

    Raises:
        DataError: a table is broken, names images that do not exist, or its columns are not clear.
    """
    images, entries, notes = Images(root, part, place), dict[str, Entry](), list[str]()
    read = []
    is_clear = True
    for table in tables:
        form = None if images.is_for_others(table) else _find_format(root, table, images, columns, strict)
        if form is None:
            continue
        for entry in _entries(root, table, form, images):
            known = entries.setdefault(entry.path, entry)
            if known.label != entry.label:
                raise DataError(
                    f"{printable(root / table)}: {printable(entry.path)} is listed as {_quoted(known.label)} and as "
                    f"{_quoted(entry.label)}; keep one line per image (a table of boxes has no class of the image)"
                )
        read.append(table)
        is_clear &= form.label in (columns.label, *label_columns(form.columns))
        if form.label is not None or form.one_hot:
            label = f"in '{printable(form.label)}'" if form.label else f"one of {len(form.one_hot)} columns of 0 and 1"
            notes.append(
                f"{printable(root)}: labels are read from {printable(table)} (files in "
                f"'{printable(form.image)}', labels {label})."
            )
    return Listing(tuple(read), tuple(entries.values()), tuple(notes), len(entries), is_clear) if read else None


def _entries(root: Path, table: str, form: _Format, images: Images) -> Iterator[Entry]:
    text, split = text_column(form.columns), split_column(form.columns)
    found = 0
    for number, row in table_rows(root / table, form.has_header):
        value, where = row.get(form.image), f"{printable(root / table)}:{number}"
        if value is None or value == "":
            raise DataError(f"{where}: no file in the column '{printable(form.image)}'; correct or remove the line")
        path = _find(images, value, table, where)
        if path is None:
            raise DataError(
                f"{where}: there is no image '{printable(value)}' in {printable(root)}; add it or remove the line"
            )
        if path not in images.wanted:
            continue
        label = _one_hot(row, form.one_hot, where) if form.one_hot else _label(row, form.label, where)
        fields = row_fields({name: value for name, value in row.items() if name != "path"})
        if text is not None and text != form.label and isinstance(row.get(text), str):
            fields.update(row_fields({"prompt": row[text]}))
        name = row.get(split) if split and split not in (form.label, form.image) else None
        found += 1
        yield Entry(path, label, name if isinstance(name, str) else None, fields)


def _find(images: Images, value: Any, table: str, where: str) -> str | None:
    try:
        return images.find(value, table)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _label(row: Mapping[str, Any], column: str | None, where: str) -> str | None:
    value = None if column is None else row.get(column)
    return None if value is None or value == "" else label_text(value, None, where)


def _one_hot(row: Mapping[str, Any], columns: Sequence[str], where: str) -> str:
    names = [name for name in columns if str(row.get(name, "")) in ("1", "1.0")]
    if len(names) != 1:
        listed = ", ".join(map(printable, names[:3])) or "none"
        raise DataError(f"{where}: an image needs one class, but it has {len(names)} ({listed}); correct the line")
    return label_text(names[0], None, where)


def _find_format(root: Path, table: str, images: Images, columns: Columns, strict: bool) -> _Format | None:
    path = root / table
    names, has_header = table_columns(path), True
    if suffix_of(table) in (".csv", ".tsv") and any(
        _exists(images, name, table) for name in names if name not in (*file_columns(names), *label_columns(names))
    ):
        has_header = False
        names = table_columns(path, has_header)
    first = [row for _, row in islice(table_rows(path, has_header), _FIRST_ROWS)]
    image = _file_column(path, table, names, first, images, columns)
    if image is None:
        if strict and not first:
            raise DataError(f"{printable(path)} has no rows; list the images and their labels in it, or remove it")
        if strict:
            raise DataError(
                f"{printable(path)} names no images of {printable(root)} (its columns are {list_columns(names)}); set "
                "`image: ` to the column with the names of the files"
            )
        return None
    rest = [name for name in names if name != image]
    label, one_hot = _label_column(path, rest, first, columns)
    return _Format(image, label, one_hot, has_header, tuple(names))


def _file_column(
    path: Path,
    table: str,
    names: Sequence[str],
    first: Sequence[Mapping[str, Any]],
    images: Images,
    columns: Columns,
) -> str | None:
    if columns.image is not None and (columns.image in names or columns.label in names):
        return given_column(columns.image, names, printable(path), "image")

    def holds_files(name: str) -> bool:
        return any(_exists(images, row.get(name), table) for row in first)

    by_name = file_columns(names)
    for name in by_name:
        if holds_files(name):
            return name
    found = [name for name in names if name not in by_name and holds_files(name)]
    if len(found) > 1:
        raise DataError(
            f"{printable(path)}: the columns {list_columns(found)} all name images; set `image: ` to one of them"
        )
    if found:
        return found[0]
    # The names say that it lists files: a table whose files are missing must not be passed over.
    has_names = [name for name in by_name if plain_name(name) not in ("id", "name", "uuid", "path")]
    return has_names[0] if has_names and is_metadata(table) and first else None


def _label_column(
    path: Path, names: Sequence[str], first: Sequence[Mapping[str, Any]], columns: Columns
) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of labels; or the columns that mark the class with a 1; or None and nothing."""
    if columns.label is not None and columns.label in names:
        return columns.label, ()
    known = label_columns(names)
    if known:
        preferred = [name for name in known if plain_name(name) == "label"] or known
        if len(preferred) > 1:
            raise DataError(
                f"{printable(path)}: the columns {list_columns(known)} could all be labels; set `label: ` to one of "
                "them"
            )
        return preferred[0], ()
    others = other_columns(names)
    marks = [name for name in others if first and all(str(row.get(name, "")) in _ONE_HOT for row in first)]
    if len(marks) > 1:
        return None, tuple(marks)
    if len(others) == 1 and all(isinstance(row.get(others[0]), str | int) for row in first):
        return others[0], ()
    if columns.label is not None:
        given_column(columns.label, names, printable(path), "label")
    return None, ()


def _exists(images: Images, value: Any, table: str) -> bool:
    if not isinstance(value, str | int) or value == "":
        return False
    try:
        return images.find(value, table) is not None
    except DataError:
        return True  # it names a file, though a forbidden one: the error comes when the line is read


def _relative(name: str, root: Path) -> str | None:
    """Return a name with slashes, relative to the place; None if it cannot be the name of a file.

    Raises:
        DataError: the name leads out of the place.
    """
    name = name.replace("\\", "/")
    if "\0" in name or not name:
        return None
    if name.startswith("/") or name[1:3] == ":/":
        if not name.startswith(f"{root.absolute()}/"):
            raise DataError(f"'{printable(name)}' is not inside of {printable(root)}; use relative names")
        name = name.removeprefix(f"{root.absolute()}/")
    if normpath(name).split("/")[0] == "..":
        raise DataError(f"'{printable(name)}' leads out of {printable(root)}; use names of files inside")
    return normpath(name)


def _unique(pairs: Iterator[tuple[str, str]]) -> dict[str, str | None]:
    """Return a value for each key; None where several values have the same key."""
    found: dict[str, str | None] = {}
    for key, value in pairs:
        found[key] = value if key not in found or found[key] == value else None
    return found


def _quoted(label: str | None) -> str:
    return "without label" if label is None else f"'{printable(label)}'"
