"""Access to a folder of object storage through fsspec, with storage errors translated to one-line messages."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from prettyuseful.errors import StoreError, StoreUnavailableError
from prettyuseful.redaction import redact_line

_MAX_CONCURRENT = 16  # requests at once
_CHUNK = 1 << 20
_LOCAL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # errors of the local disk, not of the storage
_INSTALL = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
T = TypeVar("T")
R = TypeVar("R")


class Bucket:
    """The files below a URL; names may contain slashes. Missing files raise FileNotFoundError.

    Raises:
        StoreError: the URL is not supported or contains credentials; from any method: the storage fails.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, self._root = _filesystem(self.url)

    def create(self, name: str, content: bytes) -> bool:
        """Create the file unless it exists. Of simultaneous calls, exactly one returns True."""
        with self._translate_errors():
            try:
                self._fs.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except FileNotFoundError:
                raise
            except Exception:
                # S3 answers 409 instead of 412 while another client is still writing the file.
                if self._fs.exists(self._path(name)):
                    return False
                raise
        return True

    def write(self, name: str, content: bytes) -> None:
        with self._translate_errors():
            self._fs.pipe_file(self._path(name), content)

    def read(self, name: str) -> bytes:
        with self._translate_errors():
            return bytes(self._fs.cat_file(self._path(name)))

    def read_up_to(self, name: str, limit: int) -> bytes | None:
        """Return the bytes of a file; None if it is longer than `limit`."""
        with self._translate_errors():
            try:
                content = bytes(self._fs.cat_file(self._path(name), start=0, end=limit + 1))
            except FileNotFoundError:
                raise
            except Exception:  # storage has no ranges of an empty file
                if self._fs.info(self._path(name))["size"]:
                    raise
                content = b""
        return content if len(content) <= limit else None

    def upload(self, source: Path, name: str) -> None:
        with self._translate_errors():
            self._fs.put_file(str(source), self._path(name))

    def download(self, name: str, target: Path) -> None:
        with self._translate_errors():
            self._fs.get_file(self._path(name), str(target))

    def size(self, name: str) -> int | None:
        """Return the size in bytes; None if there is no such file."""
        with self._translate_errors(), suppress(FileNotFoundError):
            return int(self._fs.info(self._path(name))["size"])
        return None

    def sha256(self, name: str) -> str:
        """Return the SHA-256 (hex) of the stored bytes, without saving them."""
        hasher = hashlib.sha256()
        with self._translate_errors(), self._fs.open(self._path(name), "rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
        return hasher.hexdigest()

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder, in order, with their sizes in bytes."""
        with self._translate_errors():
            files: dict[str, Any] = self._fs.find(self._path(folder), detail=True)
        start = len(self._root) + 1
        return {path[start:]: int(info["size"]) for path, info in sorted(files.items())}

    def age(self, name: str) -> float:
        """Return the seconds since the file was written, if the clocks of this machine and the storage agree."""
        with self._translate_errors():
            modified: datetime = self._fs.modified(self._path(name))
        return (datetime.now(UTC) - modified.astimezone(UTC)).total_seconds()

    def move(self, name: str, target: str) -> None:
        with self._translate_errors():
            self._fs.mv(self._path(name), self._path(target))

    def remove(self, name: str) -> None:
        """Delete the file if it exists."""
        with self._translate_errors(), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    @staticmethod
    def map_concurrently(call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `call(item)` for each item, in order, with concurrent requests."""
        items = list(items)
        if len(items) < 2:
            yield from map(call, items)
            return
        with ThreadPoolExecutor(min(_MAX_CONCURRENT, len(items))) as pool:
            yield from pool.map(call, items)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, StoreError):
            raise
        except Exception as error:  # every kind of storage has its own exceptions
            if isinstance(error, OSError) and error.errno in _LOCAL_ERRORS:
                raise
            raise _storage_error(self.url, error) from error


def _storage_error(url: str, error: Exception) -> StoreError:
    kind, message = type(error).__name__, redact_line(str(error))
    if isinstance(error, PermissionError) or "Credential" in kind:
        return StoreError(
            f"the store {url} denies access ({message or kind}); check the credentials in the environment; "
            "finished steps are kept"
        )
    return StoreUnavailableError(
        f"the store {url} cannot be reached ({kind}: {message}); check the URL and the network and run again; finished "
        "steps are kept"
    )


def _filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it."""
    import fsspec

    protocol, _, rest = url.partition("://")
    if "::" in url or re.search(r"[?#]|^[^/]*@", rest):
        raise StoreError(
            f"invalid {protocol}:// URL of a store; write a bucket and a folder, such as s3://bucket/folder; "
            "credentials and options belong in the environment"
        )
    if not rest.strip("/"):
        raise StoreError(f"the store URL {url} has no bucket; write {protocol}://bucket/folder")
    try:
        fs = fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        extra = f"prettyuseful[{_INSTALL[protocol]}]" if protocol in _INSTALL else f"the fsspec package for {protocol}"
        raise StoreError(f"the store {url} needs a package that is not installed; install {extra}") from error
    except ValueError:
        raise StoreError(f"unknown kind of store {url}; give a folder or an s3:// or gs:// URL with --store") from None
    except Exception as error:
        raise _storage_error(url, error) from error
    return fs, str(fs._strip_protocol(url)).rstrip("/")
