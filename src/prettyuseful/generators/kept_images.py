"""Images of a hosted model that have arrived, and the requests for them, so that none is paid for twice.

An image is the file `v1-000012-<SHA-256 of its bytes>.image`: a line of JSON, and the bytes as received. So a single
rename publishes the image together with its checksum. Requests are lines of `requests.log`, written before they are
sent. Files of other names, links and pipes are neither read nor deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from prettyuseful.endpoints.images import MAX_IMAGE_BYTES, ReceivedImage
from prettyuseful.engine.atomic import fsync, temporary_file
from prettyuseful.errors import StoreError
from prettyuseful.redaction import redact_line

_NAME = re.compile(r"v1-(\d{6,9})-([0-9a-f]{64})\.image", re.ASCII)
_LOG = "requests.log"
_EVENTS = ("sent", "free", "refused", "blank")
_LINE = re.compile(rf"({'|'.join(_EVENTS)}) \d{{1,9}}", re.ASCII)
_MAX_LOG, _MAX_HEADER = 16 << 20, 64 << 10  # bytes


class _Header(TypedDict):
    """What is kept of an image besides its bytes, which were decoded when they arrived; see `ReceivedImage`."""

    format: Literal["JPEG", "PNG", "WEBP"]
    width: int
    height: int
    served: str
    revised: str | None


_HEADER = TypeAdapter(_Header)


class KeptImages:
    """The images of one step that have arrived, and the number of requests, in a folder that survives interruptions.

    `folder`: it is created if missing. `counts`: the number of requests that were `sent`; of those that cost nothing,
    because they were answered with an error (`free`) or by a content filter (`refused`); and of images that were
    `blank`. All are counted over all runs.

    Raises:
        StoreError: the folder cannot be created or written, or is a link.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _catch_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink():
                raise StoreError(f"the folder of received images {folder} is a symbolic link; delete the link")
            self.counts = Counter(_events(self._read(_LOG, _MAX_LOG) or b""))
            names = sorted(entry.name for entry in folder.iterdir())
        self._files = {int(match[1]): name for name in names if (match := _NAME.fullmatch(name))}

    def __contains__(self, index: int) -> bool:
        return index in self._files

    def __len__(self) -> int:
        return len(self._files)

    @property
    def charged(self) -> int:
        """The number of requests that were or may have been charged: also those whose answer was lost."""
        return max(len(self), self.counts["sent"] - self.counts["free"] - self.counts["refused"])

    def load(self, index: int) -> ReceivedImage | None:
        """Return an image; None if it is not there or damaged, and then it is forgotten."""
        name = self._files.get(index)
        content = None if name is None else self._read(name, MAX_IMAGE_BYTES + _MAX_HEADER)
        if name is not None and content is not None and hashlib.sha256(content).hexdigest() in name:
            header, _, data = content.partition(b"\n")
            with suppress(ValueError, RecursionError):
                return ReceivedImage(data, **_HEADER.validate_json(header))
        self._files.pop(index, None)
        return None

    def keep(self, index: int, image: ReceivedImage) -> None:
        """Keep an image. If the process is killed meanwhile, there is the whole image or nothing.

        Raises:
            StoreError: the file cannot be written.
        """
        header = json.dumps({field: getattr(image, field) for field in _Header.__annotations__}).encode()
        content = header + b"\n" + image.data
        name = f"v1-{index:06d}-{hashlib.sha256(content).hexdigest()}.image"
        with _catch_disk_errors(self.folder), temporary_file(self.folder) as draft:
            draft.write_bytes(content)
            fsync(draft)
            draft.replace(self.folder / name)
            fsync(self.folder)
        self._files[index] = name

    def count(self, event: str, index: int) -> None:
        """Count an event of the request for an image: one of `counts`.

        Raises:
            StoreError: it cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        with _catch_disk_errors(self.folder):
            handle = os.open(self.folder / _LOG, flags, 0o666)
            try:
                os.write(handle, f"\n{event} {index}\n".encode())  # after a line that a killed process has cut off
            finally:
                os.close(handle)
        self.counts[event] += 1

    def _read(self, name: str, limit: int) -> bytes | None:
        """Return the content of a regular file of at most `limit` bytes; None if there is none."""
        try:
            handle = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_size <= limit else None


def _events(content: bytes) -> Iterator[str]:
    for line in content.decode("ascii", "replace").splitlines():
        if match := _LINE.fullmatch(line):
            yield match[1]


@contextmanager
def _catch_disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write received images to {folder}: {redact_line(error.strerror or str(error))}; free disk space, "
            "or make the folder writable"
        ) from error
