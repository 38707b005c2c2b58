"""Open the source of images at a path or pattern."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.class_folders import FOLDERS_OF_IMAGES, find_classes, has_class_folders
from prettyuseful.data.sources.class_names import normalised
from prettyuseful.data.sources.columns import Columns
from prettyuseful.data.sources.file_kinds import SHARD_SUFFIXES, TABLE_SUFFIXES, file_kind, suffix_of
from prettyuseful.data.sources.imagefolder import ImageFolderSource, check_problems
from prettyuseful.data.sources.parquet import ParquetSource, column_of_splits, has_images, is_labelled
from prettyuseful.data.sources.safe_reading import catch_os_errors, printable
from prettyuseful.data.sources.splits import (
    Splits,
    canonical_split,
    choose_split,
    find_splits,
    split_in,
    split_of,
)
from prettyuseful.data.sources.table import Listing, TableSource, is_metadata, read_listing
from prettyuseful.data.sources.walker import Folder, walk
from prettyuseful.data.sources.webdataset import WebDatasetSource, read_layout
from prettyuseful.errors import DataError
from prettyuseful.paths import exists, is_folder

__all__ = ["Columns", "is_source", "open_source", "open_splits"]

_MAX_SHARDS = 100_000
_MAX_LISTED = 5
_BRACES = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}|\{([^{}]*,[^{}]*)\}")
_ANY_COLUMNS = Columns()

Opener = Callable[[tuple[str, ...]], SampledSource]
"""Opens a source; the argument is its notes on how it was found."""


class _NoLabelsError(DataError):
    """Images without labels."""


def is_source(location: str) -> bool:
    """Return whether `location` has images: it names shards or a table, or a folder that is no diffusers pipeline."""
    suffix = suffix_of(location)
    if suffix in SHARD_SUFFIXES:
        return True
    if suffix in TABLE_SUFFIXES or file_kind(location) in ("archive", "arrow"):
        return exists(location)
    return location != "" and is_folder(location) and not (Path(location) / "model_index.json").exists()


def open_source(location: str, split: str | None = None, columns: Columns = _ANY_COLUMNS) -> SampledSource:
    """Open a source of images.

    Args:
        location: a folder of class folders, of images with a table, or of `.tar` or `.parquet` shards; a shard or a
            table; or a pattern of shards such as `part-{000..009}.tar` or `*.parquet`.
        split: the split to read where the place has splits. `train`, or None, takes the training images. `test` takes
            the test images, or else the validation images. Another name is taken as it is written.
        columns: the columns of images and labels in Parquet files and tables.

    Raises:
        DataError: the location does not exist, or its layout is unknown or not clear.
    """
    place = _find_place(location, columns)
    if not place.parts:
        if split not in (None, "train", "test"):
            raise DataError(f"{place.shown} has no splits, so there is no split {printable(split)!r}; remove it")
        return place.whole(())
    wanted = split or "train"
    if len(place.parts) == 1 and wanted in ("train", "test"):
        name = next(iter(place.parts))
        return place.parts[name](place.notes(name, wanted))
    if wanted == "test" and (test := place.open_test(lambda name: place.notes(name, "test"))):
        return test.source
    name = choose_split([*place.parts], wanted, place.shown)
    return place.parts[name](place.notes(name, wanted))


def open_splits(location: str, columns: Columns = _ANY_COLUMNS) -> tuple[SampledSource, SampledSource | None]:
    """Open the training and the test images of one place; without test images, the validation images are these.

    Args:
        location: see `open_source`.
        columns: see `open_source`.

    Returns:
        The training images, or all images if the place has no splits; and the test images, or None.

    Raises:
        DataError: see `open_source`.
    """
    place = _find_place(location, columns)
    if not place.parts:
        return place.whole(()), None
    train = choose_split([*place.parts], "train", place.shown)
    if test := place.open_test(lambda name: ()):  # noqa: ARG005
        return place.parts[train]((*place.notes(train, "train", test.name), *test.without_labels)), test.source
    unlabelled = [f"{place.shown}: the images of '{printable(name)}' have no labels." for name in place.tests()]
    return place.parts[train]((*place.notes(train, "train"), *unlabelled)), None


@dataclass(frozen=True)
class _Test:
    """The test images of a place. `name`: their split. `without_labels`: notes on splits that have no labels."""

    name: str
    source: SampledSource
    without_labels: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """What is at a location: `parts`, the splits by name, or else `whole`. `left_out`: what is beside the splits."""

    location: str
    whole: Opener
    parts: Mapping[str, Opener] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return printable(self.location)

    def tests(self) -> list[str]:
        """Return the splits with test images, the most suitable first.

        Raises:
            DataError: several splits have names of the same kind.
        """
        kinds = {canonical_split(name) for name in self.parts}
        return [choose_split([*self.parts], kind, self.shown) for kind in ("test", "val") if kind in kinds]

    def open_test(self, notes: Callable[[str], tuple[str, ...]]) -> _Test | None:
        """Open the first split of test images that has labels; None if there is none. `notes`: of a split, by name."""
        without_labels: list[str] = []
        for name in self.tests():
            try:
                source = self.parts[name]((*notes(name), *without_labels))
            except _NoLabelsError:
                without_labels.append(f"{self.shown}: the images of '{printable(name)}' have no labels.")
            else:
                return _Test(name, source, tuple(without_labels))
        return None

    def notes(self, name: str, wanted: str, also: str | None = None) -> tuple[str, ...]:
        """Return sentences that say which split is read, and which are not.

        `wanted`: `train` or `test`, or the name of the split. `also`: the split that is read as test images.
        """
        others = [f"'{printable(other)}'" for other in self.parts if other not in (name, also)]
        rest = f"; {_join_and(others)} {'is' if len(others) == 1 else 'are'} not read" if others else ""
        if also is not None:
            read = f"training images are read from '{printable(name)}', test images from '{printable(also)}'"
        elif wanted in ("train", "test") and canonical_split(name) != wanted:
            use = "training" if wanted == "train" else "test"
            read = f"the split '{printable(name)}' is read as {use} images, since there are no others"
        else:
            read = f"the split '{printable(name)}' is read"
        notes = [f"{self.shown}: {read}{rest}."]
        if self.left_out:
            listed = [f"'{printable(other)}'" for other in self.left_out[:_MAX_LISTED]]
            verb = "is" if len(self.left_out) == 1 else "are"
            notes.append(f"{self.shown}: {_join_and(listed)} beside the splits {verb} left out.")
        return tuple(notes)


def _find_place(location: str, columns: Columns) -> _Place:
    if location and is_folder(location):
        return _folder_place(location, columns)
    suffix = suffix_of(location)
    if exists(location) and file_kind(location) == "archive":
        raise DataError(f"{printable(location)} is an archive that is not read; unpack it and give the folder")
    if exists(location) and file_kind(location) == "arrow":
        raise _arrow_error(location, str(Path(location).parent))
    if file_kind(Path(location).name) == "table" and exists(location):
        return _table_place(location, columns)
    if suffix not in SHARD_SUFFIXES:
        if not exists(location):
            raise DataError(f"{printable(location)}: no such folder or file; check the path")
        raise DataError(
            f"{printable(location)} is not a source of images; give a folder of class folders, .tar or .parquet files"
        )
    return _shards_place(location, _shards(location), columns)


def _folder_place(location: str, columns: Columns) -> _Place:
    root, shown = Path(location), printable(location)
    with catch_os_errors(shown):
        top = walk(root)
    has_arrow = any(folder.arrow or "dataset_dict.json" in folder.marks for folder in (top, *top.folders.values()))
    if has_arrow and not top.below:
        raise _arrow_error(location, location)
    splits = find_splits(top, shown)
    place = _Part(location, root, top, splits, columns)
    if splits.parts:
        parts = {name: place.opener(folder, name) for name, folder in splits.parts.items()}
        return _Place(location, place.opener(splits.whole, ""), parts, splits.left_out)
    shards = place.shards_of(splits.whole)
    if shards:
        return _shards_place(location, tuple(root / shard for shard in shards), columns)
    if (listing := place.listing_of(splits.whole, "")) and listing.splits:
        parts = {name: _table_opener(location, root, splits.whole, listing.of_split(name)) for name in listing.splits}
        return _Place(location, place.opener(splits.whole, ""), parts)
    return _Place(location, place.opener(splits.whole, ""))


@dataclass(frozen=True)
class _Part:
    """Opens folders below a place: `top` is all that it holds."""

    location: str
    root: Path
    top: Folder
    splits: Splits
    columns: Columns

    def opener(self, folder: Folder, split: str) -> Opener:
        return lambda notes: self._open(folder, split, notes)

    def _open(self, folder: Folder, split: str, notes: tuple[str, ...]) -> SampledSource:
        shards = self.shards_of(folder)
        if shards:
            paths = tuple(self.root / shard for shard in shards)
            if suffix_of(shards[0]) == ".parquet":
                if canonical_split(split) == "test" and not is_labelled(paths, self.columns):
                    raise _NoLabelsError(f"{printable(self.root / folder.path)}: the test images have no labels")
                return ParquetSource(self.location, paths, notes, self.columns)
            return _tar_place(self.location, paths).whole(notes)
        listing = self.listing_of(folder, split)
        if listing is not None and listing.has_labels:
            return TableSource(self.location, self.root, folder, listing, notes)
        self._check_class_folders(folder)
        if listing is None:
            return ImageFolderSource(self.location, folder, notes)
        fields = {entry.path: entry.fields for entry in listing.entries if entry.fields}
        return ImageFolderSource(self.location, folder, notes, fields, listing.tables)

    def shards_of(self, folder: Folder) -> list[str]:
        """Return the paths of the shards in a folder, or in the only folder in it that has shards.

        Raises:
            DataError: it holds shards of both kinds, shards beside class folders, or shards in several folders.
        """
        shown = printable(self.root / folder.path)
        while not folder.shards and not folder.below:
            inner = [child for child in folder.filled_folders() if any(below.shards for below in child.walk())]
            if not inner:
                return []
            if len(inner) > 1:
                names = ", ".join(f"'{printable(child.name)}'" for child in inner[:_MAX_LISTED])
                raise DataError(
                    f"{shown} has shards in several folders ({names}), such as configurations; give one of them"
                )
            folder = inner[0]
        suffixes = sorted(
            {".parquet" if suffix_of(name) == ".parquet" else ".tar" for name in folder.shards}, reverse=True
        )
        with_images = [child for child in folder.filled_folders() if child.below]
        if suffixes == [".parquet"] and with_images and self._names_files(folder):
            with_images = []
        kinds = [*(["class folders"] if with_images else []), *suffixes]
        if folder.shards and len(kinds) > 1:
            raise DataError(
                f"{shown} holds {' and '.join(kinds)}; keep only one of them, or give a pattern such as *.tar"
            )
        return [folder.join(name) for name in folder.shards]

    def _names_files(self, folder: Folder) -> bool:
        """Return whether a Parquet file holds names of files and no images."""
        from prettyuseful.data.sources.parquet_reading import open_parquet

        with open_parquet(self.root / folder.join(folder.shards[0])) as file:
            return not has_images(file)

    def listing_of(self, folder: Folder, split: str) -> Listing | None:
        """Return the images that tables in or above a folder list, or None if its class folders are to be read."""
        inside = [table for below in folder.walk() for table in map(below.join, below.tables)]
        above = [table for table in self.splits.tables if table not in inside]
        metadata = [table for table in inside if is_metadata(table)] or [table for table in above if is_metadata(table)]
        if metadata:
            listing = self._read(metadata, folder, strict=True)
            if listing is not None and (listing.has_labels or has_class_folders(folder)):
                return listing
        own = [table for table in [*_chain_tables(folder), *above] if not is_metadata(table)]
        own = [table for table in dict.fromkeys(own) if "submission" not in table.lower()]
        if has_class_folders(folder) and self.columns == _ANY_COLUMNS:
            self._check_agreement(folder, own)
            return None
        found = [(table, listing) for table in own if (listing := self._read([table], folder)) and listing.has_labels]
        if len(found) > 1:
            found = _prefer(found, split)
        if len(found) > 1:
            names = ", ".join(printable(table) for table, _ in found[:_MAX_LISTED])
            raise DataError(
                f"{printable(self.location)} has several tables of labels ({names}); give one of them as the place "
                "of the images, or remove the others"
            )
        return found[0][1] if found else None

    def _read(self, tables: Sequence[str], folder: Folder, strict: bool = False) -> Listing | None:
        return read_listing(self.root, tables, folder, self.top, self.columns, strict)

    def _check_agreement(self, folder: Folder, tables: Sequence[str]) -> None:
        """Check that tables beside class folders give the images the classes of their folders.

        Other tables, such as one of boxes, are no obstacle.

        Raises:
            DataError: a table gives an image another class.
        """
        classes = find_classes(folder, "").folders if tables else {}
        class_of = {below.path: name for name, top in classes.items() for below in top.walk()}
        for table in tables:
            try:
                listing = self._read([table], folder)
            except DataError:
                continue
            for entry in listing.entries if listing and listing.is_clear else ():
                name, label = class_of.get(entry.path.rpartition("/")[0]), entry.label
                if name is None or label is None or label.isdigit() or normalised(label) == normalised(name):
                    continue
                raise DataError(
                    f"{printable(self.root / table)} gives {printable(entry.path)} the label '{printable(label)}', but "
                    f"it is in the class folder '{printable(name)}'; give the table as the place of the images to read "
                    "its labels, or remove it to read the folders"
                )

    def _check_class_folders(self, folder: Folder) -> None:
        """Check that a folder has class folders.

        Raises:
            DataError: it has not; the message says what it has instead.
        """
        check_problems(folder)
        classes = find_classes(folder, "").folders
        if len(classes) > 1 or (classes and next(iter(classes)).lower() not in FOLDERS_OF_IMAGES):
            return
        shown = printable(self.root / folder.path)
        if folder.below:
            hint = ""
            if boxes := {"data.yaml", "_annotations.coco.json"} & {*self.top.marks, *folder.marks}:
                hint = f"; {boxes.pop()} belongs to a data set of boxes: export it for classification, as folders"
            raise _NoLabelsError(
                f"{shown} has {folder.below} images, but neither class folders nor a table of their labels; put the "
                f"images of each class into a folder of its own, or add metadata.csv (columns file_name, label){hint}"
            )
        archives = [below.join(name) for below in folder.walk() for name in below.archives]
        hint = f"; unpack {printable(archives[0])} first" if archives else "; check the path"
        raise DataError(f"{shown} contains neither class folders nor .tar or .parquet shards{hint}")


def _chain_tables(folder: Folder) -> list[str]:
    """Return the tables of a folder, and of the only folder in it, and so on."""
    tables = []
    while True:
        tables += [folder.join(name) for name in folder.tables]
        inner = folder.filled_folders()
        if folder.images or len(inner) != 1:
            return tables
        folder = inner[0]


def _prefer(found: Sequence[tuple[str, Listing]], split: str) -> list[tuple[str, Listing]]:
    """Return the tables whose names contain the split, or else the word `label`; or all."""
    names = {table: table.rpartition("/")[2].lower() for table, _ in found}
    wanted = canonical_split(split) or "train"
    for fitting in (
        {table for table, name in names.items() if split_in(name) == wanted},
        {table for table, name in names.items() if "label" in name},
    ):
        chosen = [pair for pair in found if pair[0] in fitting]
        if len(chosen) == 1:
            return chosen
    return list(found)


def _table_opener(location: str, root: Path, folder: Folder, listing: Listing) -> Opener:
    return lambda notes: TableSource(location, root, folder, listing, notes)


def _table_place(location: str, columns: Columns) -> _Place:
    """Return the images that a table lists which the user named, in its folder."""
    path = Path(location)
    with catch_os_errors(printable(path.parent)):
        top = walk(path.parent)
    listing = read_listing(path.parent, [path.name], top, top, columns, strict=True)
    if listing is None or not listing.has_labels:
        raise DataError(
            f"{printable(location)} lists no images with labels; it needs a column of files and one of labels: set "
            "`image: ` and `label: ` to their names"
        )
    parts = {name: _table_opener(location, path.parent, top, listing.of_split(name)) for name in listing.splits}
    return _Place(location, _table_opener(location, path.parent, top, listing), parts)


def _shards_place(location: str, shards: tuple[Path, ...], columns: Columns) -> _Place:
    """Return the images of shards, whose names or whose rows may tell splits."""
    if suffix_of(shards[0].name) != ".parquet":
        return _tar_place(location, shards)

    def opener(paths: tuple[Path, ...], split: tuple[str, str] | None = None) -> Opener:
        return lambda notes: ParquetSource(location, paths, notes, columns, split)

    by_split, left_out = _by_split(shards)
    if by_split:
        return _Place(location, opener(shards), {name: opener(paths) for name, paths in by_split.items()}, left_out)
    found = column_of_splits(shards)
    parts = {name: opener(shards, (found[0], name)) for name in found[1]} if found else {}
    return _Place(location, opener(shards), parts)


def _tar_place(location: str, shards: tuple[Path, ...]) -> _Place:
    """Return the images of tar shards, whose names or whose members may tell splits."""
    by_split, left_out = _by_split(shards)

    def opener(paths: tuple[Path, ...]) -> Opener:
        return lambda notes: _open_tars(location, paths, notes)

    if by_split:
        return _Place(location, opener(shards), {name: opener(paths) for name, paths in by_split.items()}, left_out)
    layout = read_layout(shards)
    _check_has_images(location, layout.images)
    splits = find_splits(layout.tree, printable(location))

    def part_opener(part: Folder | None) -> Opener:
        return lambda notes: WebDatasetSource(location, shards, notes, layout, part)

    parts = {name: part_opener(folder) for name, folder in splits.parts.items()}
    return _Place(location, part_opener(None), parts, splits.left_out)


def _open_tars(location: str, shards: tuple[Path, ...], notes: tuple[str, ...]) -> SampledSource:
    layout = read_layout(shards)
    _check_has_images(location, layout.images)
    return WebDatasetSource(location, shards, notes, layout)


def _check_has_images(location: str, images: int) -> None:
    if not images:
        raise DataError(
            f"{printable(location)} has no images in its tar files; check the path, or pack images into them"
        )


def _by_split(shards: tuple[Path, ...]) -> tuple[dict[str, tuple[Path, ...]], tuple[str, ...]]:
    """Return the shards of each split if their names tell several splits, and the names of the others."""
    splits: dict[str, list[Path]] = {}
    others = []
    for shard in shards:
        split = split_in(shard.name) or split_of(shard.parent.name)
        if split is None:
            others.append(shard.name)
        else:
            splits.setdefault(split, []).append(shard)
    if len(splits) < 2:
        return {}, ()
    return {name: tuple(paths) for name, paths in splits.items()}, tuple(others)


def _arrow_error(location: str, folder: str) -> DataError:
    return DataError(
        f"{printable(location)} is a data set that Hugging Face's save_to_disk wrote; give it as a task "
        f"(huggingface: {printable(folder)}), or write it with to_parquet and give that file"
    )


def _shards(location: str) -> tuple[Path, ...]:
    """Return the files that match a name or a pattern. All of them must exist."""
    if exists(location):
        return (Path(location),)
    names = list(islice(_expand_braces(location), _MAX_SHARDS + 1))
    if len(names) > _MAX_SHARDS:
        raise DataError(f"{printable(location)} matches more than {_MAX_SHARDS:,} files; use a narrower pattern")
    # `Path.glob` rejects absolute patterns, and includes hidden files.
    matches = [[name] if exists(name) else sorted(glob.glob(name)) for name in names]  # noqa: PTH207
    if missing := [name for name, files in zip(names, matches, strict=True) if not files]:
        raise DataError(f"{_join_first(missing)}: no such file{'s' if len(missing) > 1 else ''}; check the path")
    return tuple(dict.fromkeys(Path(file) for files in matches for file in files))


def _expand_braces(pattern: str) -> Iterator[str]:
    """Expand `a-{0..2}` and `{a,b}` like a shell."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    first, last, listed = braces.groups()
    width = len(first) if first else 0
    options = listed.split(",") if first is None else (f"{i:0{width}d}" for i in range(int(first), int(last) + 1))
    for option in options:
        yield from _expand_braces(pattern[: braces.start()] + option + pattern[braces.end() :])


def _join_and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _join_first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(printable(name) for name in names[:3]) + more
