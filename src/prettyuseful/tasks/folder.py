"""A task from an ImageFolder tree: `train/<class>/*` and `test/<class>/*`. The folder's name is the class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from prettyuseful.data.dataset import Row
from prettyuseful.engine.keys import files_fingerprint
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split, first_few, sound, too_few


@dataclass(frozen=True)
class FolderTask:
    """Real images in folders. A recipe looks at their centred squares, at the size that it stores.

    Every file is an image or an error: nothing is silently dropped, but files whose names begin with a dot.

    Raises:
        DataError: a split or class is missing or empty, or train and test name different classes.
    """

    root: Path
    licence: str = "not stated"

    def __post_init__(self) -> None:
        listed = {split: sorted(self._files[split]) for split in SPLITS}
        for split in SPLITS:
            for name in listed[split]:
                if not self._files[split][name]:
                    raise DataError(
                        f"class folder {self.root / split / name} is empty; add images or remove the folder"
                    )
        odd = sorted(set(listed["train"]) ^ set(listed["test"]))
        if odd:
            missing = (f"{name} (not in {'test' if name in listed['train'] else 'train'})" for name in odd)
            raise DataError(f"train and test of {self.root} differ in their classes: {first_few(missing)}")
        if len(listed["train"]) < 2:
            raise DataError(
                f"{self.root / 'train'} has {len(listed['train'])} class folders; a task needs at least two"
            )

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def source(self) -> str:
        return f"folder {self.root.name}"

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(self._files["train"]))

    @property
    def definitions(self) -> Mapping[str, str]:
        return {}

    def fingerprint(self) -> str:
        return self._fingerprint

    def available(self, split: Split) -> int:
        return min(len(files) for files in self._files[split].values())

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few(self, split, per_class))
        # Every file is decoded, also those past `per_class`: a broken one is named, not skipped.
        for _, rows in groupby(sound(self._rows(split), str(self.root)), lambda row: row.label):
            yield from islice(rows, per_class)

    def _rows(self, split: Split) -> Iterator[Row]:
        for label, name in enumerate(self.classes):
            for path in self._files[split][name]:
                yield Row((self.root / path).read_bytes(), path, label, group=path)

    @cached_property
    def _files(self) -> dict[Split, dict[str, list[str]]]:
        found: dict[Split, dict[str, list[str]]] = {}
        for split in SPLITS:
            folder = self.root / split
            if not folder.is_dir():
                raise DataError(
                    f"task folder {self.root} has no folder {split!r}; expected {split}/<class>/<images>, "
                    "as torchvision's ImageFolder has it"
                )
            found[split] = {}
            for entry in sorted(folder.iterdir()):
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    raise DataError(f"{entry} lies outside every class folder; move it into one or remove it")
                found[split][entry.name] = [file.path for file in visible_files(self.root, f"{split}/{entry.name}")]
        return found

    @cached_property
    def _fingerprint(self) -> str:
        files = (self.root / path for split in SPLITS for paths in self._files[split].values() for path in paths)
        return files_fingerprint(self.root, files)


class File(NamedTuple):
    """A file: its path relative to a root, its size in bytes, and when it was last changed, in ns."""

    path: str
    size: int
    changed: int


def visible_files(root: Path, folder: str = "") -> Iterator[File]:
    """Every file below `root / folder`, in order of their names, but what is hidden by a leading dot.

    Raises:
        DataError: a link that leads to no file, or to a folder, which may hold itself.
    """
    # `scandir`, as an ImageNet has more than a million files.
    with os.scandir(root / folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from visible_files(root, path)
        elif entry.is_dir():
            raise DataError(f"{root / path} is a link to a folder; put the images themselves there, or remove it")
        else:
            try:
                status = entry.stat()
            except OSError:
                raise DataError(f"{root / path} is a link to nowhere; mend or remove it") from None
            yield File(path, status.st_size, status.st_mtime_ns)
