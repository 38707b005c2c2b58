"""Writes that outlive a power cut."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def fsync(path: Path) -> None:
    """Has the disk take a file, or a folder's list of names, before anything else happens."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def draft_in(folder: Path) -> Iterator[Path]:
    """A new file for what is not whole yet; gone afterwards, unless it was moved. Its mode follows the umask."""
    draft = folder / f".{uuid.uuid4().hex}.draft"
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replacing(target: Path, drafts: Path) -> Iterator[Path]:
    """A draft in the folder `drafts` that replaces `target` in one move, after its bytes have reached the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft_in(drafts) as draft:
        yield draft
        fsync(draft)
        draft.replace(target)
        fsync(target.parent)


def replace_text(target: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old one or the new one, never half."""
    with draft_in(target.parent) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
