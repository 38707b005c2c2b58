"""The one walk through a folder of images. Everything else decides by what it lists, without the file system.

Folders are untrusted: special files are never opened, links that lead in a circle are not followed, and the number of
files is limited.
"""

from __future__ import annotations

import os
import stat
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prettyuseful.data.sources.file_kinds import (
    CLASS_FILE,
    file_kind,
    is_tool_folder,
    skipped_as,
    starts_like_an_image,
)
from prettyuseful.data.sources.safe_reading import catch_os_errors, is_name, printable
from prettyuseful.errors import DataError

MAX_FILES = 5_000_000
MAX_FOLDERS = 500_000
_MARKS = frozenset(
    ["dataset_info.json", "dataset_dict.json", "state.json", "data.yaml", "_annotations.coco.json", CLASS_FILE]
)


@dataclass
class Folder:
    """The files of one folder, by name and sorted.

    `path`: path below the place, `""` for the place itself. `images`, `tables`, `shards`, `archives`, `arrow`: names of
    files. `marks`: names of files that tell a layout. `skipped`: number of skipped files by kind. `by_content`: images
    that only their first bytes tell. `repeated`: links to folders that are read elsewhere. `problems`: error messages
    on files that are images by name, and cannot be read. `below`: number of images here and in all folders below.
    `alias`: another name, for a folder that stands for the one above it.
    """

    path: str = ""
    images: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    arrow: list[str] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    folders: dict[str, Folder] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    by_content: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    below: int = 0
    alias: str = ""

    @property
    def name(self) -> str:
        return self.alias or self.path.rpartition("/")[2]

    def join(self, name: str) -> str:
        """Return the path of a file or folder in this folder, below the place."""
        return f"{self.path}/{name}" if self.path else name

    def walk(self) -> Iterator[Folder]:
        """Yield this folder and all folders below, sorted by path."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(child for _, child in sorted(folder.folders.items(), reverse=True))

    def image_paths(self) -> Iterator[str]:
        """Yield the path of every image here and below."""
        for folder in self.walk():
            for name in folder.images:
                yield folder.join(name)

    def filled_folders(self) -> list[Folder]:
        """Return the folders directly in this one that hold images or shards, at any depth."""
        return [child for _, child in sorted(self.folders.items()) if child.is_filled]

    @property
    def is_filled(self) -> bool:
        """Whether images or shards are here or below, or images that cannot be read."""
        return self.below > 0 or any(folder.shards or folder.problems for folder in self.walk())

    def all_skipped(self) -> Counter[str]:
        """Return the number of skipped files here and below, by kind."""
        total: Counter[str] = Counter()
        for folder in self.walk():
            total.update(folder.skipped)
        return total


def count_images(top: Folder) -> Folder:
    """Set `below` of a folder and of all folders in it, and return the folder."""
    for folder in reversed([*top.walk()]):  # a folder comes after those below it
        folder.below = len(folder.images) + sum(child.below for child in folder.folders.values())
    return top


def walk(root: Path) -> Folder:
    """List a folder and everything below it.

    A link to a folder is followed, unless its target is read under another path, which also ends circles.

    Raises:
        DataError: a folder cannot be listed, or there are too many files.
    """
    top = Folder()
    seen: set[tuple[int, int]] = set()
    waiting = deque([(top, root)])
    links: deque[tuple[Folder, str, Path]] = deque()
    files = 0
    while waiting or links:
        if not waiting:  # links come last, so that a folder keeps its own path
            parent, name, path = links.popleft()
            if _identity(path) in seen:
                parent.repeated.append(parent.join(name))
                continue
            parent.folders[name] = child = Folder(parent.join(name))
            waiting.append((child, path))
        folder, path = waiting.popleft()
        seen.add(_identity(path))
        if len(seen) > MAX_FOLDERS:
            raise DataError(f"{printable(root)} has more than {MAX_FOLDERS:,} folders; give a folder of images only")
        with catch_os_errors(printable(path)), os.scandir(path) as entries:
            for entry in entries:
                files += 1
                if files > MAX_FILES:
                    raise DataError(
                        f"{printable(root)} has more than {MAX_FILES:,} files; give a folder of images only"
                    )
                _add(folder, entry, path, waiting, links)
        for names in (folder.images, folder.tables, folder.shards, folder.archives, folder.arrow, folder.problems):
            names.sort()
        links = deque(sorted(links, key=lambda link: link[0].join(link[1]))) if not waiting else links
    return count_images(top)


def _add(
    folder: Folder,
    entry: os.DirEntry[str],
    path: Path,
    waiting: deque[tuple[Folder, Path]],
    links: deque[tuple[Folder, str, Path]],
) -> None:
    name = entry.name
    mode = _mode(entry)
    if stat.S_ISDIR(mode) and is_tool_folder(name):
        folder.skipped[skipped_as(name)] += 1
    elif stat.S_ISDIR(mode):
        if not is_name(name):
            folder.problems.append(_invalid_name(path / name))
        elif entry.is_symlink():
            links.append((folder, name, path / name))
        else:
            folder.folders[name] = child = Folder(folder.join(name))
            waiting.append((child, path / name))
    elif name.startswith("."):
        folder.skipped["hidden"] += 1
    elif not stat.S_ISREG(mode):
        if file_kind(name) in ("image", "shard", "table"):
            what = "is a broken link" if not mode else "is not a regular file"
            folder.problems.append(f"{printable(path / name)} {what}; repair or remove it")
        else:
            folder.skipped["broken links" if not mode else "special files"] += 1
    else:
        _add_file(folder, name, path)


def _add_file(folder: Folder, name: str, path: Path) -> None:
    kind = file_kind(name)
    if kind == "unknown" and starts_like_an_image(path / name):
        kind = "image"
        folder.by_content.append(folder.join(name))
    if name in _MARKS:
        folder.marks.add(name)
    if kind == "image":
        if is_name(name):
            folder.images.append(name)
        else:
            folder.problems.append(_invalid_name(path / name))
    elif kind in ("table", "shard", "archive", "arrow") and is_name(name):
        names = {"table": folder.tables, "shard": folder.shards, "archive": folder.archives, "arrow": folder.arrow}
        names[kind].append(name)
    elif name != CLASS_FILE:
        folder.skipped[skipped_as(name)] += 1


def _mode(entry: os.DirEntry[str]) -> int:
    """Return the type of a file that an entry is or links to; 0 for a broken link."""
    try:
        if not entry.is_symlink():
            if entry.is_file(follow_symlinks=False):
                return stat.S_IFREG
            if entry.is_dir(follow_symlinks=False):
                return stat.S_IFDIR
        return entry.stat().st_mode
    except OSError:
        return 0


def _identity(path: Path) -> tuple[int, int]:
    with catch_os_errors(printable(path)):
        status = path.stat()
        return status.st_dev, status.st_ino


def _invalid_name(path: Path) -> str:
    return f"{printable(path)}: the name is not UTF-8 text; rename it"
