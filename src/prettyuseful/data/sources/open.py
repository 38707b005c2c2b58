"""From a place that a user names to the source that lies there."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.imagefolder import ImageFolderSource
from prettyuseful.data.sources.parquet import ParquetSource
from prettyuseful.data.sources.reading import reading, shown
from prettyuseful.data.sources.webdataset import WebDatasetSource
from prettyuseful.errors import DataError

_SHARDS = {".tar": WebDatasetSource, ".parquet": ParquetSource}
_MAX_SHARDS = 100_000
_BRACES = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}|\{([^{}]*,[^{}]*)\}")


def is_source(place: str) -> bool:
    """Whether `place` is to be read as images: a folder that is no diffusers pipeline, or a name of shards."""
    if Path(place).suffix.lower() in _SHARDS:
        return True
    return _is_folder(place) and not (Path(place) / "model_index.json").exists()


def open_source(place: str) -> SampledSource:
    """The images at `place`: a folder of class folders; a folder of `.tar` or `.parquet` shards; one shard; or a
    pattern of shards such as `part-{000..009}.tar` or `*.parquet`.

    Raises:
        DataError: there is nothing, or nothing that is known.
    """
    if _is_folder(place):
        return _open_folder(place)
    kind = _SHARDS.get(Path(place).suffix.lower())
    if kind is None:
        raise DataError(
            f"{shown(place)} is no source of images; name a folder of class folders, or .tar or .parquet shards"
        )
    return kind(place, _shards(place))


def _is_folder(place: str) -> bool:
    try:
        return bool(place) and Path(place).is_dir()
    except OSError:  # a name too long for the file system
        return False


def _open_folder(place: str) -> SampledSource:
    with reading(place):
        entries = sorted(path for path in Path(place).iterdir() if not path.name.startswith("."))
    shards = {suffix: [path for path in entries if path.suffix.lower() == suffix] for suffix in _SHARDS}
    folders = [path for path in entries if path.is_dir()]
    kinds = [name for name, there in (("class folders", folders), *shards.items()) if there]
    if len(kinds) > 1:
        raise DataError(f"{place} holds {' and '.join(kinds)}; keep one of them, or name a pattern such as *.tar")
    if folders:
        return ImageFolderSource(place)
    for suffix, files in shards.items():
        if files:
            return _SHARDS[suffix](place, tuple(files))
    raise DataError(f"{place} holds neither class folders nor .tar or .parquet shards; is it the right folder?")


def _shards(place: str) -> tuple[Path, ...]:
    """The files that a name or a pattern stands for; each must be there."""
    if Path(place).exists():
        return (Path(place),)
    names = list(islice(_expanded(place), _MAX_SHARDS + 1))
    if len(names) > _MAX_SHARDS:
        raise DataError(f"{shown(place)} stands for more than {_MAX_SHARDS:,} files; narrow it")
    # `Path.glob` takes no absolute pattern, and shows what a dot hides.
    found = [[name] if Path(name).exists() else sorted(glob.glob(name)) for name in names]  # noqa: PTH207
    if missing := [name for name, files in zip(names, found, strict=True) if not files]:
        raise DataError(f"{_few(missing)}: no such file{'s' if len(missing) > 1 else ''}; check the path")
    return tuple(dict.fromkeys(Path(file) for files in found for file in files))


def _expanded(pattern: str) -> Iterator[str]:
    """`a-{0..2}` and `{a,b}` as a shell expands them."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    first, last, listed = braces.groups()
    width = len(first) if first else 0
    options = listed.split(",") if first is None else (f"{i:0{width}d}" for i in range(int(first), int(last) + 1))
    for option in options:
        yield from _expanded(pattern[: braces.start()] + option + pattern[braces.end() :])


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more
