"""Images in class folders, as torchvision's ImageFolder has them: `<root>/<class>/**/<image>`."""

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
from prettyuseful.data.sources.reading import check_name, check_size, parsing, read_file, reading, shown
from prettyuseful.errors import DataError

CLASS_FILE = "prettyuseful.json"
"""Beside the class folders of an export: which folder holds which class."""

_SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".jp2"]
)
_MAX_CLASS_FILE = 1 << 26


@dataclass(frozen=True)
class ImageFolderSource(SampledSource):
    """The folder's name is the class, unless a `CLASS_FILE` knows better.

    Every file is an image or an error: nothing is silently dropped, but what a leading dot hides.
    """

    place: str
    kind: ClassVar[Kind] = "imagefolder"

    def files(self) -> Iterator[Path]:
        if (self.root / CLASS_FILE).exists():
            yield self.root / CLASS_FILE
        for folder in self._folders():
            yield from _class_images(folder)

    def samples(self) -> Iterator[Sample]:
        for folder in self._folders():
            label = check_name(self._names.get(folder.name, folder.name), shown(folder))
            for path in _class_images(folder):
                relative = path.relative_to(self.root).as_posix()
                yield Sample(label, relative, shown(path), partial(read_file, path))

    def named_order(self) -> Sequence[str]:
        return tuple(self._names.values())

    def in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        samples = {sample.path: sample for sample in self.samples()}
        for path in paths:
            if path not in samples:
                raise self.changed()
            yield samples[path], samples[path].read()

    @property
    def root(self) -> Path:
        return Path(self.place)

    def _folders(self) -> Iterator[Path]:
        with reading(self.place):
            entries = sorted(path for path in self.root.iterdir() if not path.name.startswith("."))
        for path in entries:
            if path.is_dir():
                yield path
            elif path.name != CLASS_FILE:
                raise DataError(f"{shown(path)} lies outside every class folder; move it into one or remove it")

    @cached_property
    def _names(self) -> dict[str, str]:
        path = self.root / CLASS_FILE
        if not path.exists():
            return {}
        with parsing(shown(path)):
            check_size(path.stat().st_size, shown(path), _MAX_CLASS_FILE)
            classes = json.loads(path.read_bytes())["classes"]
            return {str(entry["folder"]): str(entry["name"]) for entry in classes}


def _class_images(folder: Path) -> Iterator[Path]:
    images = _images(folder)
    first = next(images, None)
    if first is None:
        raise DataError(f"class folder {shown(folder)} is empty; add images or remove the folder")
    yield first
    yield from images


def _images(folder: Path) -> Iterator[Path]:
    """Every visible file below the folder, in order of the names.

    Raises:
        DataError: a file that is no image by its name, or a link to a folder or to nowhere.
    """
    with reading(shown(folder)):
        with os.scandir(folder) as entries:
            listed = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
        for entry in listed:
            path = folder / check_name(entry.name, shown(folder))
            if entry.is_dir(follow_symlinks=False):
                yield from _images(path)
            elif entry.is_dir():
                raise DataError(f"{shown(path)} is a link to a folder; put the images themselves there, or remove it")
            elif not entry.is_file():
                raise DataError(f"{shown(path)} is no file, or a link to nowhere; mend or remove it")
            elif path.suffix.lower() not in _SUFFIXES:
                raise DataError(f"{shown(path)} is not named as an image; remove it, or name it .jpg, .png or .webp")
            else:
                yield path
