"""WebDataset shards: tar files in which neighbours of one key (`0001.jpg`, `0001.cls`, `0001.json`) are a sample.

Nothing is unpacked, no link is followed, and no header decides how much memory is taken.
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
from prettyuseful.data.sources.reading import MAX_BYTES, check_name, check_size, parsing, row_fields, shown
from prettyuseful.errors import DataError

IMAGES = ("jpg", "jpeg", "png", "webp")
_TEXTS = ("cls", "json", "txt")
_MAX_HEADER = _MAX_TEXT = 1 << 20
_BLOCK = 512
# Key and suffix as the webdataset library cuts them: at the first dot of the last part. Other names are no samples,
# and neither is what it calls meta, or a dot hides.
_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_HIDDEN = re.compile(r"__[^/]*__(/|$)|(.*/)?\.(?!\.?/)", re.DOTALL)


@dataclass(frozen=True)
class WebDatasetSource(ShardSource):
    """A label is the name that `.json` gives (`label` or `class`), or else what `.cls` or `.txt` holds.

    A prompt is the `prompt` of `.json`, or a `.txt` that is not needed as the label.
    """

    kind: ClassVar[Kind] = "webdataset"

    def samples(self) -> Iterator[Sample]:
        for shard in self.shards:
            with parsing(shown(shard), "broken or compressed tar"), _Metered(io.FileIO(shard)) as file:
                for key, members in groupby(_members(shard, file), lambda member: member.key):
                    yield _sample(shard, key, members)


@dataclass(frozen=True)
class _Member:
    """A file in a tar. `read`: its bytes, up to a limit."""

    key: str
    suffix: str
    where: str
    path: str
    read: Callable[[int], bytes]


class _Metered(io.BufferedReader):
    """A file that gives at most `left` bytes: a hostile header cannot ask for all memory, or for a negative size."""

    left = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise tarfile.ReadError("a header that is too large or makes no sense")
        self.left -= size
        return super().read(size)


def _members(shard: Path, file: _Metered) -> Iterator[_Member]:
    """The files of a tar that belong to samples, in order.

    Raises:
        tarfile.TarError: not a whole tar.
        DataError: a member that is no plain file.
    """
    file.left = _MAX_HEADER
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members, tar.pax_headers = [], {}  # type: ignore[attr-defined]  # it would keep them all
            if tar.offset < member.offset_data:
                raise tarfile.ReadError("a member of negative size")
            where, name = f"{shown(shard)}: {shown(member.name)}", _NAME.fullmatch(member.name)
            if not (member.isdir() or _HIDDEN.match(member.name)):
                if not member.isreg() or member.issparse():
                    raise DataError(f"{where} is a link or another thing that is no plain file; pack files only")
                if name:
                    check_name(member.name, where)
                    read = partial(_read, file, where, member.offset_data, member.size)
                    yield _Member(name[1], name[2].lower(), where, f"{shard.name}/{member.name}", read)
            file.left = _MAX_HEADER
        # The module takes a damaged header, or none, for the end; the end is a block of zeros.
        file.left = _BLOCK
        file.seek(tar.offset)
        end = file.read(_BLOCK)
        if len(end) < _BLOCK or any(end):
            raise tarfile.ReadError(f"truncated or damaged at byte {tar.offset:,}")


def _read(file: _Metered, where: str, start: int, size: int, limit: int) -> bytes:
    check_size(size, where, limit)
    with parsing(where):
        file.left = size
        file.seek(start)
        data = file.read(size)
    if len(data) < size:
        raise DataError(f"{where}: truncated; fetch or write the tar again")
    return data


def _sample(shard: Path, key: str, members: Iterator[_Member]) -> Sample:
    where, parts = f"{shown(shard)}: sample '{shown(key)}'", dict[str, _Member]()
    for member in members:
        if member.suffix in parts:
            raise DataError(f"{where} has two files .{member.suffix}; give every sample a name of its own")
        if member.suffix in IMAGES + _TEXTS:
            parts[member.suffix] = member
    images = [parts[suffix] for suffix in IMAGES if suffix in parts]
    if len(images) != 1:
        raise DataError(
            f"{where} has {len(images) or 'no'} images (.{', .'.join(IMAGES)}); a sample is one image and its label, "
            "side by side in the tar (tar --sort=name); its name ends at the first dot"
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
        raise DataError(f'{where} has no label; add a .cls, a .txt or a .json with {{"label": ...}}')
    read = partial(images[0].read, MAX_BYTES)
    return Sample(check_name(str(label), where), images[0].path, images[0].where, read, row_fields(values))


def _json(member: _Member) -> dict[str, Any]:
    with parsing(member.where):
        values = json.loads(_text(member))
        return values if isinstance(values, dict) else {}


def _text(member: _Member) -> str:
    with parsing(member.where):
        return member.read(_MAX_TEXT).decode("utf-8-sig").strip()
