"""WebDataset shards: tar files in which consecutive files with one key (`0001.jpg`, `0001.cls`) form a sample.

Archives are untrusted: nothing is unpacked, no link is followed, and headers cannot make the reader allocate memory.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from prettyuseful.data.sources.base import Sample, ShardSource
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import (
    MAX_BYTES,
    catch_parse_errors,
    check_name,
    check_size,
    printable,
    row_fields,
)
from prettyuseful.errors import DataError

IMAGES = ("jpg", "jpeg", "png", "webp")
_TEXTS = ("cls", "json", "txt")
_MAX_HEADER = _MAX_TEXT = 1 << 20
_BLOCK = 512
# Key and suffix, split at the first dot of the last part, as in the webdataset library. Files with other names, the
# library's meta files (`__name__`) and hidden files are not part of a sample.
_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_HIDDEN = re.compile(r"__[^/]*__(/|$)|(.*/)?\.(?!\.?/)", re.DOTALL)


@dataclass(frozen=True)
class WebDatasetSource(ShardSource):
    """Images in WebDataset shards.

    The label is the string `label` or `class` of `.json`, or else the content of `.cls` or `.txt`. The prompt is the
    `prompt` of `.json`, or else the content of `.txt` if that is not the label.
    """

    kind: ClassVar[Kind] = "webdataset"

    def samples(self) -> Iterator[Sample]:
        for shard in self.shards:
            with (
                catch_parse_errors(printable(shard), "broken or compressed tar"),
                _LimitedReader(io.FileIO(shard)) as file,
            ):
                for key, members in groupby(_members(shard, file), lambda member: member.key):
                    yield _sample(shard, key, members)


@dataclass(frozen=True)
class _Member:
    """A file in a tar archive. `read`: returns its bytes; the argument is the size limit."""

    key: str
    suffix: str
    location: str
    path: str
    read: Callable[[int], bytes]


class _LimitedReader(io.BufferedReader):
    """A file that reads at most `remaining` bytes, so that a malicious header cannot request huge or negative sizes."""

    remaining = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self.remaining:
            raise tarfile.ReadError("a header has an invalid size")
        self.remaining -= size
        return super().read(size)


def _members(shard: Path, file: _LimitedReader) -> Iterator[_Member]:
    """Yield the files of a tar archive that belong to samples, in order.

    Raises:
        tarfile.TarError: the archive is truncated or damaged.
        DataError: a member is not a regular file.
    """
    file.remaining = _MAX_HEADER
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members, tar.pax_headers = [], {}  # type: ignore[attr-defined]  # release the members that tarfile caches
            if tar.offset < member.offset_data:
                raise tarfile.ReadError("a member has a negative size")
            location, name = f"{printable(shard)}: {printable(member.name)}", _NAME.fullmatch(member.name)
            if not (member.isdir() or _HIDDEN.match(member.name)):
                if not member.isreg() or member.issparse():
                    raise DataError(f"{location} is a link or a special file; pack regular files only")
                if name:
                    check_name(member.name, location)
                    read = partial(_read, file, location, member.offset_data, member.size)
                    yield _Member(name[1], name[2].lower(), location, f"{shard.name}/{member.name}", read)
            file.remaining = _MAX_HEADER
        # tarfile stops at a damaged or missing header without an error. A complete archive ends with a block of zeros.
        file.remaining = _BLOCK
        file.seek(tar.offset)
        end = file.read(_BLOCK)
        if len(end) < _BLOCK or any(end):
            raise tarfile.ReadError(f"truncated or damaged at byte {tar.offset:,}")


def _read(file: _LimitedReader, location: str, start: int, size: int, limit: int) -> bytes:
    check_size(size, location, limit)
    with catch_parse_errors(location):
        file.remaining = size
        file.seek(start)
        data = file.read(size)
    if len(data) < size:
        raise DataError(f"{location}: truncated; download or write the tar file again")
    return data


def _sample(shard: Path, key: str, members: Iterator[_Member]) -> Sample:
    location, parts = f"{printable(shard)}: sample '{printable(key)}'", dict[str, _Member]()
    for member in members:
        if member.suffix in parts:
            raise DataError(f"{location} has two files .{member.suffix}; give each sample a unique key")
        if member.suffix in IMAGES + _TEXTS:
            parts[member.suffix] = member
    images = [parts[suffix] for suffix in IMAGES if suffix in parts]
    if len(images) != 1:
        raise DataError(
            f"{location} has {len(images) or 'no'} images (.{', .'.join(IMAGES)}); pack one image and its label "
            "next to each other (tar --sort=name); the key ends at the first dot of the name"
        )
    values = _json(parts["json"]) if "json" in parts else {}
    label = values.get("label", values.get("class"))
    if "cls" in parts and not isinstance(label, str):
        label = _text(parts["cls"])
    if label is None and "txt" in parts:
        label = _text(parts["txt"])
    elif "txt" in parts:
        values.setdefault("prompt", _text(parts["txt"]))
    if label is None or isinstance(label, bool) or not isinstance(label, int | str):
        raise DataError(f'{location} has no label; add a .cls, a .txt or a .json with {{"label": ...}}')
    read = partial(images[0].read, MAX_BYTES)
    return Sample(check_name(str(label), location), images[0].path, images[0].location, read, row_fields(values))


def _json(member: _Member) -> dict[str, Any]:
    with catch_parse_errors(member.location):
        values = json.loads(_text(member))
        return values if isinstance(values, dict) else {}


def _text(member: _Member) -> str:
    with catch_parse_errors(member.location):
        return member.read(_MAX_TEXT).decode("utf-8-sig").strip()
