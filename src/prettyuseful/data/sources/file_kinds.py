"""What a file is by its name, or by its first bytes: an image, a table, a shard, or something that is skipped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from prettyuseful.data.image_formats import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES
from prettyuseful.data.sources.safe_reading import printable

FileKind = Literal["image", "table", "shard", "archive", "arrow", "other", "unknown"]

CLASS_FILE = "prettyuseful.json"
"""File next to the class folders of an export, with the class name of each folder."""

SHARD_SUFFIXES = (".parquet", ".tar", ".tar.gz", ".tgz")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")

# Icons of folders and programs are no images of a data set.
_ICONS = frozenset([".ico", ".icns", ".cur"])
_IMAGES = IMAGE_SUFFIXES | (frozenset(UNREADABLE_SUFFIXES) - _ICONS)
_ARCHIVES = (".zip", ".7z", ".rar", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.lz4", ".zst")
_PACKED = frozenset([".gz", ".zst", ".bz2", ".xz", ".lz4"])
# What operating systems and tools leave in folders, in lower case.
_TOOL_FILES = frozenset(["thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "folder.jpg.lnk"])
_TOOL_FOLDERS = frozenset(
    ["__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__"]
)
# Files with these suffixes are not opened to see whether they are images.
_OTHERS = frozenset(
    f".{suffix}"
    for suffixes in (
        "txt text md rst html htm pdf tex bib cff doc docx odt ppt pptx xls xlsx ods log lst list names",
        "json xml yaml yml toml ini cfg conf lock cache data label labels caption tags cls proto pb msgpack",
        "py pyc ipynb m r sh bat ps1 js css db sqlite mdb lnk url icc ico icns cur aae thm",
        "npy npz pt pth ckpt pkl pickle safetensors h5 hdf5 mat bin onnx tfrecord record rec idx",
        "mp4 avi mov mkv webm m4v wav mp3 flac gz bz2 xz sha256 md5 crc part tmp bak orig swp",
    )
    for suffix in suffixes.split()
)
_STARTS = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|II\*\0|MM\0\*|RIFF.{4}WEBP|\0\0\0\x0cjP  |\xff\x4f\xff\x51|8BPS"
    rb"|.{4}ftyp(?:avi[fs]|hei|hev|mif1)|BM.{4}\0\0\0\0",
    re.DOTALL,
)


def suffix_of(name: str) -> str:
    """Return the suffix of a file in lower case, with both parts of suffixes such as `.tar.gz`."""
    stem, _, last = name.rpartition("/")[2].rpartition(".")
    if not stem.strip("."):
        return ""
    suffix = f".{last.lower()}"
    if suffix in _PACKED and stem.lower().endswith(".tar"):
        return f".tar{suffix}"
    return suffix


def file_kind(name: str) -> FileKind:
    """Return what a file is by its name alone. `unknown` files may be images: see `starts_like_an_image`."""
    lower = name.rpartition("/")[2].lower()
    if lower in _TOOL_FILES:
        return "other"
    return "table" if lower == "metadata.parquet" else kind_of_suffix(suffix_of(lower))


@lru_cache(maxsize=4096)
def kind_of_suffix(suffix: str) -> FileKind:
    """Return what files with this suffix, in lower case and with its dot, are."""
    if suffix in _IMAGES:
        return "image"
    if suffix in TABLE_SUFFIXES:
        return "table"
    if suffix in SHARD_SUFFIXES:
        return "shard"
    if suffix in _ARCHIVES:
        return "archive"
    if suffix == ".arrow":
        return "arrow"
    return "other" if suffix in _OTHERS else "unknown"


def is_archive(name: str) -> bool:
    """Return whether a file is an archive that has to be unpacked first."""
    return file_kind(name) == "archive"


def is_tool_folder(name: str) -> bool:
    """Return whether a folder is hidden, or one that operating systems and tools make."""
    return name.startswith(".") or name.lower() in _TOOL_FOLDERS


def skipped_as(name: str) -> str:
    """Return the words by which a skipped file is counted: its name if many folders have it, or else its suffix."""
    if name.startswith("."):
        return "hidden"
    if name.lower() in _TOOL_FILES or name.lower() in _TOOL_FOLDERS:
        return printable(name.strip())
    return printable(suffix_of(name)) or "without suffix"


def starts_like_an_image(path: Path) -> bool:
    """Return whether the first bytes of a regular file are those of an image."""
    try:
        with path.open("rb") as file:
            return bool(_STARTS.match(file.read(32)))
    except OSError:
        return False


def skipped_note(location: str, counts: Mapping[str, int]) -> str:
    """Return a sentence with the number of skipped files of each kind, or an empty text."""
    if not (total := sum(counts.values())):
        return ""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = [f"{count} {words}" for words, count in ranked[:6]]
    if rest := sum(count for _, count in ranked[6:]):
        listed.append(f"{rest} others")
    files = "1 file is no image and is" if total == 1 else f"{total:,} files are no images and are"
    return f"{location}: {files} skipped ({', '.join(listed)})."
