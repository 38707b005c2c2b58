"""A folder of object storage, through fsspec: the few calls that a store needs, with faults of storage as one line."""

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

from prettyuseful.errors import StoreAwayError, StoreError, one_line

_SIDE_BY_SIDE = 16  # requests at once
_CHUNK = 1 << 20
_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # of the disk here, never of storage far away
_INSTALL = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
T = TypeVar("T")
R = TypeVar("R")


class Bucket:
    """Files below a URL, by names with slashes. A file that is not there is a FileNotFoundError.

    Raises:
        StoreError: nobody knows this kind of URL, it holds credentials, or, from any call, the storage does not do it.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, self._root = _filesystem(self.url)

    def create(self, name: str, content: bytes) -> bool:
        """Writes the file unless there is one; of any number who try at once, one gets True."""
        with self._answering():
            try:
                self._fs.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except FileNotFoundError:
                raise
            except Exception:
                # S3 answers 409 rather than 412 to whoever comes while another one is still writing.
                if self._fs.exists(self._path(name)):
                    return False
                raise
        return True

    def write(self, name: str, content: bytes) -> None:
        with self._answering():
            self._fs.pipe_file(self._path(name), content)

    def read(self, name: str) -> bytes:
        with self._answering():
            return bytes(self._fs.cat_file(self._path(name)))

    def upload(self, source: Path, name: str) -> None:
        with self._answering():
            self._fs.put_file(str(source), self._path(name))

    def download(self, name: str, target: Path) -> None:
        with self._answering():
            self._fs.get_file(self._path(name), str(target))

    def size(self, name: str) -> int | None:
        """In bytes; None if there is no such file."""
        with self._answering(), suppress(FileNotFoundError):
            return int(self._fs.info(self._path(name))["size"])
        return None

    def sha256(self, name: str) -> str:
        """Of the bytes as they are there, without keeping them."""
        hasher = hashlib.sha256()
        with self._answering(), self._fs.open(self._path(name), "rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
        return hasher.hexdigest()

    def sizes(self, under: str) -> dict[str, int]:
        """The files below a name, in order, with their sizes in bytes."""
        with self._answering():
            found: dict[str, Any] = self._fs.find(self._path(under), detail=True)
        start = len(self._root) + 1
        return {path[start:]: int(info["size"]) for path, info in sorted(found.items())}

    def age(self, name: str) -> float:
        """Seconds since it was written, as far as this clock and that of the storage agree."""
        with self._answering():
            modified: datetime = self._fs.modified(self._path(name))
        return (datetime.now(UTC) - modified.astimezone(UTC)).total_seconds()

    def move(self, name: str, target: str) -> None:
        with self._answering():
            self._fs.mv(self._path(name), self._path(target))

    def remove(self, name: str) -> None:
        """Also if it is not there."""
        with self._answering(), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    @staticmethod
    def each(call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What `call` returns for each of the items, in their order; many requests at once."""
        items = list(items)
        if len(items) < 2:
            yield from map(call, items)
            return
        with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(items))) as pool:
            yield from pool.map(call, items)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, StoreError):
            raise
        except Exception as error:  # each kind of storage has errors of its own
            if isinstance(error, OSError) and error.errno in _LOCAL:
                raise
            raise _told(self.url, error) from error


def _told(url: str, error: Exception) -> StoreError:
    kind, said = type(error).__name__, one_line(str(error))
    if isinstance(error, PermissionError) or "Credential" in kind:
        return StoreError(
            f"the store {url} refuses ({said or kind}); check the credentials in the environment; what was made is kept"
        )
    return StoreAwayError(
        f"the store {url} does not answer as it should ({kind}: {said}); check address and network and run again; what "
        "was made is kept"
    )


def _filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path there."""
    import fsspec

    protocol, _, rest = url.partition("://")
    if "::" in url or re.search(r"[?#]|^[^/]*@", rest):
        raise StoreError(
            f"the {protocol}:// URL of a store is a bucket and a folder, such as s3://bucket/folder; credentials and "
            "options belong into the environment"
        )
    if not rest.strip("/"):
        raise StoreError(f"the store {url} names no bucket; write {protocol}://bucket/folder")
    try:
        fs = fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        extra = f"prettyuseful[{_INSTALL[protocol]}]" if protocol in _INSTALL else f"what fsspec needs for {protocol}"
        raise StoreError(f"the store {url} needs a package that is not here; install {extra}") from error
    except ValueError:
        raise StoreError(
            f"no kind of store is known at {url}; name a folder or an s3:// or gs:// URL with --store"
        ) from None
    except Exception as error:
        raise _told(url, error) from error
    return fs, str(fs._strip_protocol(url)).rstrip("/")
