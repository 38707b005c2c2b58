"""Images in class folders, as in torchvision's ImageFolder: `<root>/<class>/**/<image>`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from prettyuseful.data.sources.base import Sample, SampledSource
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import (
    catch_os_errors,
    catch_parse_errors,
    check_name,
    check_size,
    printable,
    read_file,
)
from prettyuseful.errors import DataError

CLASS_FILE = "prettyuseful.json"
"""File next to the class folders of an export, with the class name of each folder."""

_SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".jp2"]
)
_MAX_CLASS_FILE = 1 << 26


@dataclass(frozen=True)
class ImageFolderSource(SampledSource):
    """Images in class folders. The class name is the folder name, unless `CLASS_FILE` gives another name.

    Every file must be an image, except files whose names begin with a dot, which are ignored.
    """

    location: str
    kind: ClassVar[Kind] = "imagefolder"

    def files(self) -> Iterator[Path]:
        if (self.root / CLASS_FILE).exists():
            yield self.root / CLASS_FILE
        for folder in self._folders():
            yield from _class_images(folder)

    def samples(self) -> Iterator[Sample]:
        for folder in self._folders():
            label = check_name(self._names.get(folder.name, folder.name), printable(folder))
            for path in _class_images(folder):
                relative = path.relative_to(self.root).as_posix()
                yield Sample(label, relative, printable(path), partial(read_file, path))

    def class_order(self) -> Sequence[str]:
        return tuple(self._names.values())

    def read_in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        samples = {sample.path: sample for sample in self.samples()}
        for path in paths:
            if path not in samples:
                raise self.changed_error()
            yield samples[path], samples[path].read()

    @property
    def root(self) -> Path:
        return Path(self.location)

    def _folders(self) -> Iterator[Path]:
        with catch_os_errors(self.location):
            entries = sorted(path for path in self.root.iterdir() if not path.name.startswith("."))
        for path in entries:
            if path.is_dir():
                yield path
            elif path.name != CLASS_FILE:
                raise DataError(f"{printable(path)} is not in a class folder; move it into one or remove it")

    @cached_property
    def _names(self) -> dict[str, str]:
        path = self.root / CLASS_FILE
        if not path.exists():
            return {}
        with catch_parse_errors(printable(path)):
            check_size(path.stat().st_size, printable(path), _MAX_CLASS_FILE)
            classes = json.loads(path.read_bytes())["classes"]
            return {str(entry["folder"]): str(entry["name"]) for entry in classes}


def _class_images(folder: Path) -> Iterator[Path]:
    images = _images(folder)
    first = next(images, None)
    if first is None:
        raise DataError(f"class folder {printable(folder)} has no images; add images or remove the folder")
    yield first
    yield from images


def _images(folder: Path) -> Iterator[Path]:
    """Yield every file below the folder, sorted by name. Names with a leading dot are skipped.

    Raises:
        DataError: a file has no image suffix, or a symbolic link is broken or points to a folder.
    """
    with catch_os_errors(printable(folder)):
        with os.scandir(folder) as entries:
            listed = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
        for entry in listed:
            path = folder / check_name(entry.name, printable(folder))
            if entry.is_dir(follow_symlinks=False):
                yield from _images(path)
            elif entry.is_dir():
                raise DataError(
                    f"{printable(path)} is a link to a folder; replace it by a folder of images, or remove it"
                )
            elif not entry.is_file():
                raise DataError(f"{printable(path)} is not a regular file, or is a broken link; repair or remove it")
            elif path.suffix.lower() not in _SUFFIXES:
                raise DataError(f"{printable(path)} has no image suffix; remove it, or name it .jpg, .png or .webp")
            else:
                yield path
