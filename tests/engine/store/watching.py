"""Watches folders for any access: what is opened, read, changed, created, moved or deleted below them."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARY = ctypes.CDLL(None, use_errno=True)
_EVENTS = {
    0x1: "read", 0x2: "written", 0x4: "attributes changed", 0x20: "opened", 0x40: "moved away", 0x80: "moved in",
    0x100: "created", 0x200: "deleted", 0x400: "deleted itself", 0x800: "moved itself",
}  # fmt: skip
_HEADER = struct.Struct("iIII")


@contextmanager
def watch(root: Path) -> Iterator[list[str]]:
    """Yield a list that holds, after the block, every access to what is below `root`, by Linux's inotify."""
    handle = _LIBRARY.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert handle >= 0, os.strerror(ctypes.get_errno())
    watched = {}
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())):
        number = _LIBRARY.inotify_add_watch(handle, os.fsencode(folder), sum(_EVENTS))
        assert number >= 0, os.strerror(ctypes.get_errno())
        watched[number] = folder
    accesses: list[str] = []
    try:
        yield accesses
        accesses += _events(handle, watched)
    finally:
        os.close(handle)


def _events(handle: int, watched: dict[int, Path]) -> Iterator[str]:
    while True:
        try:
            buffer = os.read(handle, 1 << 16)
        except BlockingIOError:
            return
        start = 0
        while start < len(buffer):
            number, mask, _, length = _HEADER.unpack_from(buffer, start)
            name = buffer[start + _HEADER.size : start + _HEADER.size + length].rstrip(b"\0")
            what = [word for bit, word in _EVENTS.items() if mask & bit]
            yield f"{watched[number] / os.fsdecode(name)} {' and '.join(what)}"
            start += _HEADER.size + length
