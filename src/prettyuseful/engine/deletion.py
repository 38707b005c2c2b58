"""Deletes and measures folders that may come from anybody: links are not followed, and no depth is too deep."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: Path) -> None:
    """Delete a file, a link itself, or a folder with all that it contains; links in it are not followed."""
    with suppress(FileNotFoundError):
        if not _is_folder(os.lstat(path)):
            path.unlink()
            return
        handle = os.open(path, _FOLDER)
        try:
            while names := os.listdir(handle):  # noqa: PTH208
                for name in names:
                    _remove_inner(handle, name)
        finally:
            os.close(handle)
        path.rmdir()


def _remove_inner(parent: int, name: str) -> None:
    """Delete what a folder contains under a name, but move folders within folders to the folder itself, to come later.

    So neither the stack, nor the length of a path, nor the number of open files grows with the depth.
    """
    with suppress(FileNotFoundError):
        if not _is_folder(os.lstat(name, dir_fd=parent)):
            os.unlink(name, dir_fd=parent)
            return
        with suppress(OSError):  # an empty folder, also one that may not be read
            os.rmdir(name, dir_fd=parent)
            return
        handle = os.open(name, _FOLDER, dir_fd=parent)
        try:
            for inner in os.listdir(handle):  # noqa: PTH208
                if _is_folder(os.lstat(inner, dir_fd=handle)):
                    os.rename(inner, uuid.uuid4().hex, src_dir_fd=handle, dst_dir_fd=parent)
                else:
                    os.unlink(inner, dir_fd=handle)
        finally:
            os.close(handle)
        os.rmdir(name, dir_fd=parent)


def size_and_count(path: Path) -> tuple[int, int]:
    """Return the bytes and the number of the files at a path, without following links.

    Files whose paths are longer than the system allows are not counted.
    """
    size = count = 0
    folders = [os.fspath(path)]
    with suppress(FileNotFoundError):
        status = os.lstat(path)
        if not _is_folder(status):
            return status.st_size, 1
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
                        count += 1
        except FileNotFoundError:  # deleted meanwhile
            continue
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
    return size, count


def _is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)
