"""Write files outside the store, where the user has files of his own.

Only a regular file is ever replaced, whole or not at all. A device or a pipe is written to. A symbolic link is followed
for writing: the file that it points to is replaced, and the link stays. Unfinished files lie in a hidden folder beside
their targets; if the process is killed, the next write into that folder deletes them.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prettyuseful.engine.deletion import remove
from prettyuseful.engine.processes import has_exited, process_identity
from prettyuseful.errors import StoreError, one_line

MAX_NAME_BYTES = 255
"""Longer file names are rejected by common file systems."""

_HIDDEN = re.compile(r"(?:^|/)\.[a-z]+-[0-9a-f]{32}(?:/|$)")
_OWNER = "owner"
_MAX_OWNER_BYTES = 1000
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)  # of file systems without symbolic links
_STANDARD_FILES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_OPEN_FILE = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_MAX_LINKS = 40
_STORE_FOLDERS = ("manifests", "objects", "locks")
_MARK_BYTES = 1 << 20  # of the beginning and of the end of a file, in which a mark is searched


@contextmanager
def convert_write_errors(target: Path) -> Iterator[None]:
    """Convert errors of writing to this folder or file into a StoreError with a one-line message."""
    try:
        yield
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError):
            if "null byte" not in str(error):
                raise
            raise StoreError(f"{str(target)!r} contains a null byte; choose another name with --out") from None
        place = error.filename or target
        if _HIDDEN.search(os.fsdecode(place)):
            place = target
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise StoreError(f"cannot write to {place}: it is no folder; choose another folder with --out") from error
        raise StoreError(
            f"cannot write to {place}: {one_line(error.strerror or str(error))}; free some space, or choose another "
            "folder with --out"
        ) from error


def make_folder(folder: Path) -> None:
    """Create a folder with its parents.

    Raises:
        StoreError: it cannot be created, or lies in a store.
    """
    check_outside_stores(folder)
    with convert_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def check_outside_stores(path: Path) -> None:
    """Check that a path for results does not lie in a store, where they would be mixed with its own files.

    Raises:
        StoreError: it does.
    """
    with convert_write_errors(path):
        real = Path(os.path.realpath(path))
        for folder in (real, *real.parents):
            if all(os.path.isdir(folder / name) for name in _STORE_FOLDERS):  # noqa: PTH112  (never an error)
                raise StoreError(f"{path} lies in the store {folder}; choose another folder with --out")


def check_writable(folder: Path) -> None:
    """Check that files can be created in a folder, before the work whose results it will receive.

    Raises:
        StoreError: they cannot.
    """
    with convert_write_errors(folder), draft_folder(folder) as drafts:
        (drafts / "file").touch()


def write_text(target: Path, text: str, mark: bytes | None = None, drafts: Path | None = None) -> None:
    """Write a text: readers see the old or the new content, never a part.

    Args:
        target: the file, a link to one, a device, or a pipe with a reader.
        text: its content.
        mark: for a file that the user has not named: what every earlier version of it contains near its beginning or
            its end. A file without it is not ours, and is not replaced; a link to no file is not followed.
        drafts: a `draft_folder` on the same file system, for writing many files.

    Raises:
        StoreError: the file cannot be written, or belongs to somebody else.
    """
    content = text.encode("utf-8")
    with convert_write_errors(target):
        if (handle := _open_stream(target)) is not None:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            return
        path = replaceable(target, mark)
        with draft_folder(path.parent, drafts) as folder:
            draft = folder / uuid.uuid4().hex
            draft.write_bytes(content)
            move_to(draft, path)


def move_to(draft: Path, path: Path) -> None:
    """Move a draft to a path that `replaceable` returned. A file keeps the permissions of the file that it replaces."""
    with suppress(OSError):
        if (mode := stat.S_IMODE(path.stat().st_mode) & 0o777) != stat.S_IMODE(draft.stat().st_mode):
            draft.chmod(mode)
    draft.replace(path)


def replaceable(target: Path, mark: bytes | None = None) -> Path:
    """Return the path of the file that writing to `target` creates or replaces; links are followed.

    Raises:
        StoreError: there is something else than a regular file, or a file without `mark`.
    """
    with convert_write_errors(target):
        status = _status(target)
        if status is not None:
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(f"cannot write to {target}: it is {_kind(status)}; name a file, or another folder")
            if mark is not None and status.st_size and not contains_mark(target, mark):
                raise StoreError(
                    f"{target} is not a file of prettyuseful, and is not replaced; move it, or choose another folder "
                    "with --out"
                )
        elif mark is not None and target.is_symlink():
            raise StoreError(f"{target} is a link to a file that does not exist; delete the link")
        return Path(os.path.realpath(target)) if target.is_symlink() else target


def is_own_file(path: Path, mark: bytes) -> bool:
    """Return whether there is a regular file, not a link, that contains `mark`."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) and contains_mark(path, mark)
    except OSError:
        return False


def contains_mark(path: Path, mark: bytes) -> bool:
    """Return whether a file contains `mark` near its beginning or its end."""
    with path.open("rb") as file:
        start = file.read(_MARK_BYTES)
        file.seek(max(0, path.stat().st_size - _MARK_BYTES))
        return mark in start or mark in file.read(_MARK_BYTES)


def is_stream(target: Path) -> bool:
    """Return whether the target is a device, a pipe or an open file such as /dev/stdout: it is written to, not made."""
    with suppress(OSError, ValueError):
        status = _status(target)
        return _open_file(target) is not None or (status is not None and _is_stream(status))
    return False


@contextmanager
def draft_folder(folder: Path, existing: Path | None = None, kind: str = "prettyuseful") -> Iterator[Path]:
    """Yield a new hidden folder in `folder` for unfinished files, and delete it afterwards.

    First, delete the hidden folders of this kind whose processes have been killed. An `existing` folder of drafts is
    yielded instead if it is on the same file system.
    """
    if existing is not None and existing.stat().st_dev == folder.stat().st_dev:
        yield existing
        return
    sweep_drafts(folder, kind)
    draft = _new_drafts(folder, kind)
    try:
        yield draft
    finally:
        delete_drafts(draft)


def sweep_drafts(folder: Path, kind: str = "prettyuseful") -> None:
    """Delete the hidden folders that `draft_folder` has left in a folder because its process was killed."""
    for abandoned in exited_drafts(folder, kind):
        delete_drafts(abandoned)


def exited_drafts(folder: Path, kind: str = "prettyuseful") -> list[Path]:
    """Return the hidden folders of `draft_folder` whose processes, on this machine, have exited."""
    name = re.compile(rf"\.{kind}-[0-9a-f]{{32}}")
    try:
        with os.scandir(folder) as entries:
            found = [Path(e.path) for e in entries if name.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
    except (PermissionError, FileNotFoundError):  # files can be written into a folder that cannot be listed
        return []
    return [path for path in found if has_exited(_owner(path)) or _is_empty(path)]


def delete_drafts(draft: Path) -> None:
    """Delete a folder of drafts. Its owner comes last, so that a process that is killed meanwhile can be continued."""
    with suppress(OSError):  # the next write tries again
        for path in draft.iterdir():
            if path.is_dir() and not path.is_symlink():
                remove(path)
            elif path.name != _OWNER:
                path.unlink()
        remove(draft)


def _is_empty(folder: Path) -> bool:
    """Return whether the process of a folder of drafts has been killed before it wrote its name there."""
    with suppress(OSError):
        return not any(folder.iterdir())
    return False


def _new_drafts(folder: Path, kind: str) -> Path:
    while True:
        draft = folder / f".{kind}-{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            _write_owner(draft / _OWNER)
        except FileNotFoundError:  # another process has deleted the folder while it was empty
            continue
        except OSError:
            delete_drafts(draft)
            raise
        return draft


def _write_owner(path: Path) -> None:
    """Write the identity of this process as the target of a link, because a link is made at once with its content."""
    try:
        path.symlink_to(process_identity())
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        path.write_text(process_identity(), encoding="utf-8")


def _owner(draft: Path) -> str:
    """Return the identity of the process that has made a folder of drafts, or an empty text."""
    path = draft / _OWNER
    with suppress(OSError):
        if path.is_symlink():
            return str(path.readlink())
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read(_MAX_OWNER_BYTES).decode("utf-8", "replace")
    return ""


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _open_stream(target: Path) -> int | None:
    """Open a device, a pipe, or an open file such as /dev/stdout for writing; return None for all that is replaced.

    Raises:
        OSError: it cannot be opened.
        StoreError: it is a pipe that no process reads.
    """
    if (number := _open_file(target)) is not None:
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed before comes first
        return os.dup(number)
    status = _status(target)
    if status is None or not _is_stream(status):
        return None
    try:
        # O_NONBLOCK: opening a pipe without a reader is an error, instead of waiting for one.
        handle = os.open(target, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise StoreError(f"cannot write to {target}: no process reads this pipe; start its reader first") from None
        raise
    os.set_blocking(handle, True)
    return handle


def _open_file(target: Path) -> int | None:
    """Return the number of the open file of this process that a path names, such as 1 for /dev/stdout, or None."""
    path = target.absolute()
    for _ in range(_MAX_LINKS):
        name = os.path.normpath(path)
        if name in _STANDARD_FILES:
            return _STANDARD_FILES[name]
        if match := _OPEN_FILE.fullmatch(name):
            return int(match[1])
        try:
            path = path.parent / path.readlink()
        except OSError:
            break
    return None


def _is_stream(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode)


def _kind(status: os.stat_result) -> str:
    kinds = {
        "a folder": stat.S_ISDIR,
        "a pipe": stat.S_ISFIFO,
        "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
        "a socket": stat.S_ISSOCK,
    }
    return next((kind for kind, is_kind in kinds.items() if is_kind(status.st_mode)), "no regular file")
