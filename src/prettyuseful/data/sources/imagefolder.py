"""Images in class folders, as in torchvision's ImageFolder: `<root>/<class>/**/<image>`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from prettyuseful.data.sources.base import Sample, SampledSource
from prettyuseful.data.sources.class_folders import ClassFolders, find_classes
from prettyuseful.data.sources.file_kinds import CLASS_FILE, skipped_note
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import (
    catch_parse_errors,
    check_label,
    check_size,
    printable,
    read_file,
)
from prettyuseful.data.sources.walker import Folder, walk
from prettyuseful.errors import DataError

_MAX_CLASS_FILE = 1 << 26
_MAX_LISTED = 5


@dataclass(frozen=True, eq=False)
class ImageFolderSource(SampledSource):
    """Images in class folders. The class name is the folder name, unless `CLASS_FILE` gives another name.

    `location`: the place; paths of samples are relative to it. `folder`: the listed folder with the class folders; None
    lists the place. `fields`: further fields of samples, by path. `tables`: paths of the tables that they are from.
    """

    location: str
    folder: Folder | None = None
    place_notes: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    kind: ClassVar[Kind] = "imagefolder"

    def read_samples(self) -> Iterator[Sample]:
        check_problems(self.tree)
        for name, folder in self._classes.folders.items():
            label = check_label(self._names.get(name, name), printable(self.root / folder.path))
            for relative in folder.image_paths():
                path = self.root / relative
                yield Sample(
                    label, relative, printable(path), partial(read_file, path), self.fields.get(relative, _NO_FIELDS)
                )

    def read_labels(self) -> Iterator[str]:
        check_problems(self.tree)
        for name, folder in self._classes.folders.items():
            label = check_label(self._names.get(name, name), printable(self.root / folder.path))
            for _ in range(folder.below):
                yield label

    def class_order(self) -> Sequence[str]:
        return tuple(self._names.values())

    def reading_notes(self) -> tuple[str, ...]:
        return (*self._classes.notes, *tree_notes(self.tree, self.location, self.tables))

    def read_in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        samples = {sample.path: sample for sample in self.samples()}
        for path in paths:
            if path not in samples:
                raise self.changed_error()
            yield samples[path], samples[path].read()

    @property
    def root(self) -> Path:
        return Path(self.location)

    @cached_property
    def tree(self) -> Folder:
        return walk(self.root) if self.folder is None else self.folder

    @cached_property
    def _classes(self) -> ClassFolders:
        return find_classes(self.tree, printable(self.location))

    @cached_property
    def _names(self) -> dict[str, str]:
        if CLASS_FILE not in self.tree.marks:
            return {}
        path = self.root / self.tree.join(CLASS_FILE)
        with catch_parse_errors(printable(path)):
            check_size(path.stat().st_size, printable(path), _MAX_CLASS_FILE)
            classes = json.loads(path.read_bytes())["classes"]
            return {str(entry["folder"]): str(entry["name"]) for entry in classes}


_NO_FIELDS: Mapping[str, Any] = {}


def check_problems(tree: Folder) -> None:
    """Check that every image of a tree can be opened.

    Raises:
        DataError: files that are images by name are special files or broken links, or their names are no text.
    """
    problems = [problem for folder in tree.walk() for problem in folder.problems]
    if problems:
        more = f" (and {len(problems) - _MAX_LISTED} more)" if len(problems) > _MAX_LISTED else ""
        raise DataError("; ".join(problems[:_MAX_LISTED]) + more)


def tree_notes(tree: Folder, location: str, used: Sequence[str] = ()) -> tuple[str, ...]:
    """Return sentences on the files of a tree that are skipped, or read although their names tell otherwise.

    `used`: paths of tables that are read.
    """
    place = printable(location)
    by_content = [path for folder in tree.walk() for path in folder.by_content]
    repeated = [path for folder in tree.walk() for path in folder.repeated]
    notes = [skipped_note(place, unused_files(tree, used))]
    if by_content:
        notes.append(
            f"{place}: {_count(by_content, 'file')} without an image suffix are read, since they begin as images do: "
            f"{_join(by_content)}."
        )
    if repeated:
        notes.append(
            f"{place}: {_count(repeated, 'link')} to folders that are read under another name are left out: "
            f"{_join(repeated)}."
        )
    return tuple(filter(None, notes))


def unused_files(tree: Folder, used: Sequence[str] = ()) -> dict[str, int]:
    """Return the number of files that are not read, by kind. `used`: paths of tables that are read."""
    counts = tree.all_skipped()
    for folder in tree.walk():
        for name in (*folder.tables, *folder.archives, *folder.arrow):
            if folder.join(name) not in used:
                counts[Path(name).suffix.lower()] += 1
    return dict(counts)


def _count(things: Sequence[str], word: str) -> str:
    return f"{len(things)} {word}{'s' if len(things) > 1 else ''}"


def _join(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(printable(name) for name in names[:_MAX_LISTED]) + more
