"""A task from an ImageFolder tree: `train/<class>/*` and `test/<class>/*`. The class is named by its folder."""

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
from prettyuseful.tasks.base import SPLITS, Split, summarise_names, too_few_message, validated_rows


@dataclass(frozen=True)
class FolderTask:
    """Real images in class folders.

    Every file must be an image, except files whose names begin with a dot, which are ignored.

    Raises:
        DataError: a split or class is missing or empty, or train and test have different classes.
    """

    root: Path
    licence: str = "not stated"

    def __post_init__(self) -> None:
        listed = {split: sorted(self._files[split]) for split in SPLITS}
        for split in SPLITS:
            for name in listed[split]:
                if not self._files[split][name]:
                    raise DataError(
                        f"class folder {self.root / split / name} has no images; add images or remove the folder"
                    )
        unmatched = sorted(set(listed["train"]) ^ set(listed["test"]))
        if unmatched:
            missing = (f"{name} (not in {'test' if name in listed['train'] else 'train'})" for name in unmatched)
            raise DataError(
                f"train and test of {self.root} have different classes: {summarise_names(missing)}; "
                "add the missing class folders or remove their counterparts"
            )
        if len(listed["train"]) < 2:
            raise DataError(f"a task needs at least 2 class folders; {self.root / 'train'} has {len(listed['train'])}")

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
            raise DataError(too_few_message(self, split, per_class))
        # Files after the first `per_class` are decoded too, so that every broken file is reported.
        for _, rows in groupby(validated_rows(self._rows(split), str(self.root)), lambda row: row.label):
            yield from islice(rows, per_class)

    def _rows(self, split: Split) -> Iterator[Row]:
        for label, name in enumerate(self.classes):
            for path in self._files[split][name]:
                yield Row((self.root / path).read_bytes(), path, label, group=path)

    @cached_property
    def _files(self) -> dict[Split, dict[str, list[str]]]:
        files_by_class: dict[Split, dict[str, list[str]]] = {}
        for split in SPLITS:
            folder = self.root / split
            if not folder.is_dir():
                raise DataError(
                    f"task folder {self.root} has no folder {split!r}; expected {split}/<class>/<images>, "
                    "as in torchvision's ImageFolder"
                )
            files_by_class[split] = {}
            for entry in sorted(folder.iterdir()):
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    raise DataError(f"{entry} is not in a class folder; move it into one or remove it")
                files_by_class[split][entry.name] = [
                    file.path for file in visible_files(self.root, f"{split}/{entry.name}")
                ]
        return files_by_class

    @cached_property
    def _fingerprint(self) -> str:
        files = (self.root / path for split in SPLITS for paths in self._files[split].values() for path in paths)
        return files_fingerprint(self.root, files)


class File(NamedTuple):
    """A file: its path relative to a root, its size in bytes, and its modification time in ns."""

    path: str
    size: int
    modified_ns: int


def visible_files(root: Path, folder: str = "") -> Iterator[File]:
    """Yield every file below `root / folder`, sorted by name. Names with a leading dot are skipped.

    Raises:
        DataError: a symbolic link is broken, or points to a folder (which could contain itself).
    """
    # `scandir` is fast: ImageNet has more than a million files.
    with os.scandir(root / folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from visible_files(root, path)
        elif entry.is_dir():
            raise DataError(f"{root / path} is a link to a folder; replace it by a folder of images, or remove it")
        else:
            try:
                status = entry.stat()
            except OSError:
                raise DataError(f"{root / path} is a broken link; repair or remove it") from None
            yield File(path, status.st_size, status.st_mtime_ns)
