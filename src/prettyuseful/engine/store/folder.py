"""A folder whose content may come from anybody: what is read, written and deleted in it stays in it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prettyuseful.engine.atomic import fsync, temporary_file
from prettyuseful.engine.deletion import remove

_CHUNK = 1 << 20
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENAMETOOLONG)
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
_GROUP_ACCESS, _READ_WRITE = 0o070, 0o666


class SafeFolder:
    """The files below `root`, named by the parts of their paths.

    Symbolic links below the root are not followed: a link, a device, a pipe or a folder in the place of a file is no
    file, and a write replaces it. A link in the place of one of the folders directly below the root is an error, since
    all that belongs there might lie elsewhere. The root itself may be a link. If the root has the set-group-ID bit, as
    folders of groups have, what is written gets the group's permissions of the root.

    Any method may raise OSError, but not for a file that does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root_text = str(root)
        self.drafts = root / "tmp"
        self._safe_folders: set[tuple[str, ...]] = {()}
        self._group_access = 0

    def create(self, *folders: str) -> None:
        """Create the root and the folders below it unless they exist."""
        _make_root(self.root)
        self._group_access = _group_access(self.root)
        for name in ("tmp", *folders):
            self.make_folder(name)

    def path(self, *names: str) -> Path:
        return self.root.joinpath(*names)

    def _join(self, names: Iterable[str]) -> str:
        """Return the path as text: many times faster than `path`."""
        return "/".join((self._root_text, *names))

    def stat(self, *names: str) -> os.stat_result | None:
        """Return the status of a regular file, or None."""
        if not self._is_inside(names[:-1]):
            return None
        with _IgnoreMissing():
            status = os.lstat(self._join(names))
            return status if stat.S_ISREG(status.st_mode) else None
        return None

    def open_handle(self, flags: int, *names: str) -> int | None:
        """Return the file descriptor of a regular file, or None."""
        opened = self._open(flags, names)
        return None if opened is None else opened[0]

    def _open(self, flags: int, names: tuple[str, ...]) -> tuple[int, int] | None:
        """Return the file descriptor of a regular file and its size in bytes, or None."""
        if not self._is_inside(names[:-1]):
            return None
        with _IgnoreMissing():
            # O_NONBLOCK: a pipe must not wait for its writer.
            handle = os.open(self._join(names), flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _READ_WRITE)
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode):
                return handle, status.st_size
            os.close(handle)
        return None

    def read(self, limit: int, *names: str) -> bytes | None:
        """Return the bytes of a regular file; None if there is none, or if it has more than `limit` bytes."""
        opened = self._open(os.O_RDONLY, names)
        if opened is None:
            return None
        handle, size = opened
        try:
            if size > limit:
                return None
            content = os.read(handle, size + 1)
            while len(content) < size and (more := os.read(handle, size + 1 - len(content))):
                content += more
            return content
        finally:
            os.close(handle)

    def sha256_and_size(self, *names: str) -> tuple[str, int] | None:
        """Return the SHA-256 and the number of the bytes of a regular file, or None."""
        opened = self._open(os.O_RDONLY, names)
        if opened is None:
            return None
        (handle, size), hasher, read = opened, hashlib.sha256(), 0
        try:
            while chunk := os.read(handle, min(_CHUNK, size + 1)):  # a large buffer takes longer than a small file
                hasher.update(chunk)
                read += len(chunk)
        finally:
            os.close(handle)
        return hasher.hexdigest(), read

    def entries(self, *names: str) -> list[os.DirEntry[str]]:
        """Return what a folder contains, in the order of the names; nothing if there is no folder."""
        if not self._is_inside(names):
            return []
        with _IgnoreMissing(), os.scandir(self.path(*names)) as entries:
            return sorted(entries, key=lambda entry: entry.name)
        return []

    def make_folder(self, *names: str) -> Path:
        """Create a folder and its parents unless they exist; what stands in their place below the top is moved away."""
        for depth in range(1, len(names) + 1):
            if (part := names[:depth]) in self._safe_folders:
                continue
            path = self.path(*part)
            while True:
                try:
                    path.mkdir()
                    self.give_to_group(path, _GROUP_ACCESS)
                except FileExistsError:
                    if not self._is_inside(part):
                        self.move_away(path)
                        continue
                break
        return self.path(*names)

    @contextmanager
    def write(self, *names: str, mode: int = _READ_WRITE) -> Iterator[Path]:
        """Yield a path to write to; flush the file to the disk and move it to its name at the end.

        Its mode follows the umask, whatever was moved to the path, and has no bits but those of `mode`.
        """
        parent = self.make_folder(*names[:-1])
        with self.draft() as draft:
            fresh_mode = stat.S_IMODE(draft.stat().st_mode)
            yield draft
            draft.chmod(fresh_mode & mode)
            fsync(draft)
            try:
                draft.replace(self.path(*names))
            except IsADirectoryError:
                self.move_away(self.path(*names))
                draft.replace(self.path(*names))
            except FileNotFoundError:  # another process has deleted the empty folder
                self._safe_folders.discard(names[:-1])
                self.make_folder(*names[:-1])
                draft.replace(self.path(*names))
            fsync(parent)

    def create_once(self, content: bytes, *names: str) -> bool:
        """Write a file unless its name exists. Of simultaneous calls, exactly one returns True."""
        parent, target = self.make_folder(*names[:-1]), self.path(*names)
        with self.draft() as draft:
            draft.write_bytes(content)
            fsync(draft)
            try:
                os.link(draft, target, follow_symlinks=False)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                if os.path.lexists(target):
                    return False
                draft.replace(target)
            fsync(parent)
        return True

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Yield a temporary file, which is deleted afterwards unless it was moved. Its mode follows the umask."""
        self.make_folder("tmp")
        with temporary_file(self.drafts) as draft:
            self.give_to_group(draft)
            yield draft

    def remove(self, *names: str) -> None:
        """Delete a file or folder, see `remove`, unless one of the folders around it is a link."""
        if self._is_inside(names[:-1]):
            remove(self.path(*names))

    def move_away(self, path: Path) -> None:
        """Remove what stands where something else belongs: a folder is kept in `tmp` for a day."""
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(os.lstat(path).st_mode):
                path.rename(self.make_folder("tmp") / f"{uuid.uuid4().hex}.misplaced")
            else:
                path.unlink()

    def _is_inside(self, folders: Iterable[str]) -> bool:
        """Whether these folders, one in the other, exist below the root and none is a link."""
        names, part = tuple(folders), tuple[str, ...]()
        if names in self._safe_folders:
            return True
        for name in names:
            part = (*part, name)
            if part in self._safe_folders:
                continue
            path = self.path(*part)
            with _IgnoreMissing():
                mode = os.lstat(path).st_mode
                if stat.S_ISDIR(mode):
                    self._safe_folders.add(part)
                    continue
                if len(part) == 1:
                    what = "is a symbolic link" if stat.S_ISLNK(mode) else "is not a folder"
                    raise OSError(errno.EINVAL, f"{what}; a store contains only its own folders", str(path))
            return False
        return True

    def give_to_group(self, path: Path | int, mode: int = _READ_WRITE) -> None:
        """Give a new file or folder the permissions that the root's group has, if the root is a folder of a group.

        `path`: its path, or the file descriptor of an open file.
        """
        if access := self._group_access & mode:
            with suppress(PermissionError):  # another account has created the folder meanwhile
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | access)  # noqa: PTH101, PTH116


def _make_root(path: Path) -> None:
    """Create a folder and its parents; in the folder of a group they get its permissions."""
    if path.is_dir():
        return
    if os.path.lexists(path) and not path.is_dir():  # another process may have created it meanwhile
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    _make_root(path.parent)
    path.mkdir(exist_ok=True)
    if access := _group_access(path.parent):
        with suppress(PermissionError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | access)


def _group_access(folder: Path) -> int:
    """Return the permissions of the group of a folder with the set-group-ID bit, 0 of other folders."""
    mode = folder.stat().st_mode
    return mode & _GROUP_ACCESS if mode & stat.S_ISGID else 0


def age(path: Path | os.DirEntry[str]) -> float:
    """Return the seconds since a file was written, or since an entry of a folder was changed; 0 if it is gone."""
    try:
        return time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0


class _IgnoreMissing:
    """Continues after the block if there is no such file."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, OSError) and error.errno in _NO_FILE
