"""Open the source of images at a path or pattern."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.imagefolder import ImageFolderSource
from prettyuseful.data.sources.parquet import ParquetSource
from prettyuseful.data.sources.safe_reading import catch_os_errors, printable
from prettyuseful.data.sources.webdataset import WebDatasetSource
from prettyuseful.errors import DataError

_SHARDS = {".tar": WebDatasetSource, ".parquet": ParquetSource}
_MAX_SHARDS = 100_000
_BRACES = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}|\{([^{}]*,[^{}]*)\}")


def is_source(location: str) -> bool:
    """Return whether `location` has images: it names shards, or a folder that is not a diffusers pipeline."""
    if Path(location).suffix.lower() in _SHARDS:
        return True
    return _is_folder(location) and not (Path(location) / "model_index.json").exists()


def open_source(location: str) -> SampledSource:
    """Open a source of images.

    Args:
        location: a folder of class folders, a folder of `.tar` or `.parquet` shards, a shard, or a pattern of shards
            such as `part-{000..009}.tar` or `*.parquet`.

    Raises:
        DataError: the location does not exist, or its format is unknown.
    """
    if _is_folder(location):
        return _open_folder(location)
    kind = _SHARDS.get(Path(location).suffix.lower())
    if kind is None:
        raise DataError(
            f"{printable(location)} is not a source of images; give a folder of class folders, .tar or .parquet files"
        )
    return kind(location, _shards(location))


def _is_folder(location: str) -> bool:
    try:
        return bool(location) and Path(location).is_dir()
    except OSError:  # the name is too long for the file system
        return False


def _open_folder(location: str) -> SampledSource:
    with catch_os_errors(location):
        entries = sorted(path for path in Path(location).iterdir() if not path.name.startswith("."))
    shards = {suffix: [path for path in entries if path.suffix.lower() == suffix] for suffix in _SHARDS}
    folders = [path for path in entries if path.is_dir()]
    kinds = [name for name, paths in (("class folders", folders), *shards.items()) if paths]
    if len(kinds) > 1:
        raise DataError(
            f"{location} holds {' and '.join(kinds)}; keep only one of them, or give a pattern such as *.tar"
        )
    if folders:
        return ImageFolderSource(location)
    for suffix, files in shards.items():
        if files:
            return _SHARDS[suffix](location, tuple(files))
    raise DataError(f"{location} contains neither class folders nor .tar or .parquet shards; check the path")


def _shards(location: str) -> tuple[Path, ...]:
    """Return the files that match a name or a pattern. All of them must exist."""
    if Path(location).exists():
        return (Path(location),)
    names = list(islice(_expand_braces(location), _MAX_SHARDS + 1))
    if len(names) > _MAX_SHARDS:
        raise DataError(f"{printable(location)} matches more than {_MAX_SHARDS:,} files; use a narrower pattern")
    # `Path.glob` rejects absolute patterns, and includes hidden files.
    matches = [[name] if Path(name).exists() else sorted(glob.glob(name)) for name in names]  # noqa: PTH207
    if missing := [name for name, files in zip(names, matches, strict=True) if not files]:
        raise DataError(f"{_join_first(missing)}: no such file{'s' if len(missing) > 1 else ''}; check the path")
    return tuple(dict.fromkeys(Path(file) for files in matches for file in files))


def _expand_braces(pattern: str) -> Iterator[str]:
    """Expand `a-{0..2}` and `{a,b}` like a shell."""
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    first, last, listed = braces.groups()
    width = len(first) if first else 0
    options = listed.split(",") if first is None else (f"{i:0{width}d}" for i in range(int(first), int(last) + 1))
    for option in options:
        yield from _expand_braces(pattern[: braces.start()] + option + pattern[braces.end() :])


def _join_first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(printable(name) for name in names[:3]) + more
