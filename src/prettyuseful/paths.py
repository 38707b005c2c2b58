"""Whether a text that a user gives is a path: it may as well be a hub id, a name or a whole YAML mapping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def exists(text: str | Path) -> bool:
    return _holds(Path.exists, text)


def is_file(text: str | Path) -> bool:
    return _holds(Path.is_file, text)


def is_folder(text: str | Path) -> bool:
    return _holds(Path.is_dir, text)


def _holds(test: Callable[[Path], bool], text: str | Path) -> bool:
    try:
        return test(Path(text))
    except (OSError, ValueError):  # too long for the file system, or with a null byte
        return False
