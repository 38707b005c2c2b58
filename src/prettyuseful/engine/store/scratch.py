"""Folders for the unfinished files of steps, which do not outlive their processes for long."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from prettyuseful.engine.deletion import remove
from prettyuseful.engine.processes import has_exited, process_identity
from prettyuseful.engine.store.base import GRACE_SECONDS
from prettyuseful.engine.store.folder import SafeFolder, age

_OWNER, _SCRATCH = ".owner", ".scratch"
_MAX_OWNER_BYTES = 1000


@contextmanager
def scratch_folder(
    folder: SafeFolder, key: str, convert_errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[Path]:
    """Create an empty folder in `tmp`, beside a file that names its process and its step, and delete it afterwards.

    `convert_errors` converts errors of the creation.
    """
    with convert_errors():
        scratch = _create(folder, key)
    try:
        yield scratch
    finally:
        _remove(scratch)


def _create(folder: SafeFolder, key: str) -> Path:
    scratch = folder.make_folder("tmp") / f"{uuid.uuid4().hex}{_SCRATCH}"
    owner = scratch.with_suffix(_OWNER)
    with owner.open("x", encoding="utf-8") as file:  # not flushed to the disk: a machine that stops needs no owner
        file.write(f"{process_identity()}\n{key}\n")
    folder.give_to_group(owner)
    scratch.mkdir()
    return scratch


def _remove(scratch: Path) -> None:
    with suppress(OSError):  # a sweep deletes it later
        remove(scratch)
        remove(scratch.with_suffix(_OWNER))


def remove_abandoned(folder: SafeFolder) -> None:
    """Delete the folders whose processes, on this machine, have exited."""
    for entry in folder.entries("tmp"):
        if entry.name.endswith(_OWNER) and has_exited(_owner(folder, entry.name)[0]):
            _remove(Path(entry.path).with_suffix(_SCRATCH))


def unneeded_drafts(folder: SafeFolder, claimed: Set[str]) -> Iterator[Path]:
    """Yield what is older than a day in `tmp`, except the folders of steps that are still worked on."""
    kept = {
        Path(entry.name).stem
        for entry in folder.entries("tmp")
        if entry.name.endswith(_OWNER) and _owner(folder, entry.name)[1] in claimed
    }
    for entry in folder.entries("tmp"):
        if age(entry) > GRACE_SECONDS and Path(entry.name).stem not in kept:
            yield Path(entry.path)


def _owner(folder: SafeFolder, name: str) -> tuple[str, str]:
    """Return the identity of a folder's process and the key of its step."""
    text = (folder.read(_MAX_OWNER_BYTES, "tmp", name) or b"").decode("utf-8", "replace")
    identity, _, key = text.partition("\n")
    return identity, key.strip()
