"""Data sets for other tools: an ImageFolder tree, or WebDataset shards. Images keep their bytes."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath

from prettyuseful.data.dataset import Row, read_shard, shard_classes
from prettyuseful.data.sources.imagefolder import CLASS_FILE
from prettyuseful.data.sources.reading import parsing, shown
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean

EXPORT_SCHEMA_VERSION = 1

# How a file begins, and the suffixes that torchvision's ImageFolder knows for it.
_FORMATS = (
    (b"\xff\xd8\xff", (".jpg", ".jpeg")),
    (b"\x89PNG\r\n\x1a\n", (".png",)),
    (b"RIFF", (".webp",)),
    (b"BM", (".bmp",)),
    (b"II*\0", (".tif", ".tiff")),
    (b"MM\0*", (".tif", ".tiff")),
)
_TAR_SUFFIXES = (".jpg", ".png", ".webp")
_ODD = frozenset('/\\:*?"<>|')
_MAX_NAME = 200  # bytes of UTF-8; file systems take 255


def export_dataset(dataset: Path, form: str, out: Path) -> int:
    """Exports a data set folder as `imagefolder` or `webdataset`; returns how many images.

    Raises:
        UnknownNameError: another format.
        DataError: see the two functions below; or `dataset` is no data set folder.
    """
    if form not in _EXPORTS:
        raise UnknownNameError(f"unknown format {form!r}{did_you_mean(form, _EXPORTS)}; known: {', '.join(_EXPORTS)}")
    files = sorted(dataset.glob("data-*.parquet"))
    if not files:
        raise DataError(f"no data-*.parquet in {dataset}; name a data set folder, as `run` and `generate` leave it")
    with parsing(str(dataset)):
        rows = (row for file in files for row in read_shard(file))
        return _EXPORTS[form](rows, shard_classes(files[0]), out)


def export_imagefolder(rows: Iterable[Row], classes: Sequence[str], out: Path) -> int:
    """Writes `<out>/<class>/<file>` and returns how many images. Prompts and seeds stay behind.

    A name that some file system would not take is changed; which folder holds which class is in `CLASS_FILE`.
    torchvision and Hugging Face read the tree, and number its classes in the order of the folders' names. (A
    `metadata.csv` with the prompts would make Hugging Face drop the labels.)

    Raises:
        DataError: `out` is not empty or cannot be written, or an image is of no format that ImageFolder knows.
    """
    numbers, counts = count(1), Counter[int]()
    taken: set[str] = {CLASS_FILE}
    folders = [_unused(_safe(name), "", taken, numbers) for name in classes]
    files: list[set[str]] = [set() for _ in classes]
    with _draft(out) as draft:
        for row in rows:
            label, path = _label(row, classes), PurePosixPath(row.path)
            suffixes = _suffixes(row)
            suffix = path.suffix if path.suffix.lower() in suffixes else suffixes[0]
            name = _unused(_safe(path.stem), suffix, files[label], numbers)
            with _writing(out):
                (draft / folders[label]).mkdir(exist_ok=True)
                (draft / folders[label] / name).write_bytes(row.data)
            counts[label] += 1
        named = [
            {"name": name, "folder": folder, "images": counts[label]}
            for label, (name, folder) in enumerate(zip(classes, folders, strict=True))
        ]
        with _writing(out):
            (draft / CLASS_FILE).write_text(
                json.dumps({"schema_version": EXPORT_SCHEMA_VERSION, "classes": named}, indent=1) + "\n", "utf-8"
            )
    return counts.total()


def export_webdataset(rows: Iterable[Row], classes: Sequence[str], out: Path, images_per_shard: int = 1000) -> int:
    """Writes `<out>/data-000000.tar`, ... and returns how many images; equal rows give equal bytes.

    A sample is `.jpg`, `.png` or `.webp`; `.cls`, the index of its class; and `.json`, the class's name (`label`) and
    all else that is known of the row.

    Raises:
        DataError: `out` is not empty or cannot be written, or an image is of another format.
    """
    if images_per_shard < 1:
        raise DataError(f"images_per_shard is {images_per_shard}; give at least 1")
    total = 0
    with _draft(out) as draft:
        for row in rows:
            sample = _tar_sample(row, classes, f"{total:09d}")
            with _writing(out), (draft / f"data-{total // images_per_shard:06d}.tar").open("ab") as shard:
                shard.write(sample)
            total += 1
        for path in draft.iterdir():
            with _writing(out), path.open("ab") as shard:
                shard.write(bytes(2 * tarfile.BLOCKSIZE))
    return total


_EXPORTS: dict[str, Callable[[Iterable[Row], Sequence[str], Path], int]] = {
    "imagefolder": export_imagefolder,
    "webdataset": export_webdataset,
}


def _tar_sample(row: Row, classes: Sequence[str], key: str) -> bytes:
    label, suffix = _label(row, classes), _suffixes(row)[0]
    if suffix not in _TAR_SUFFIXES:
        raise DataError(f"{shown(row.path)} is a {suffix} file, which readers of WebDataset skip; make it a .png")
    known = {
        "label": classes[label],
        "path": row.path,
        "group": row.group,
        "place": row.place,
        "prompt": row.prompt,
        "seed": row.seed,
        "generator": row.generator,
    }
    text = json.dumps({name: value for name, value in known.items() if value is not None})
    files = {suffix: row.data, ".cls": str(label).encode(), ".json": text.encode()}
    return b"".join(_tar_member(key + ending, data) for ending, data in files.items())


def _tar_member(name: str, data: bytes) -> bytes:
    member = tarfile.TarInfo(name)  # nobody's, of no time: equal rows give equal bytes
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """A hidden folder in the empty folder `out`. What is in it moves to `out` at the end, or goes if anything fails."""
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if there := next(out.iterdir(), None):
            raise DataError(f"{out} is not empty (it holds {shown(there.name)}); name a new folder, or empty this one")
        draft = Path(tempfile.mkdtemp(prefix=".export-", dir=out))
    try:
        yield draft
        with _writing(out):
            for path in sorted(draft.iterdir()):
                path.rename(out / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write to {out} ({error.strerror or error}); name another folder") from None


def _label(row: Row, classes: Sequence[str]) -> int:
    if not 0 <= row.label < len(classes):
        raise DataError(f"{shown(row.path)} has label {row.label}, but there are {len(classes)} classes; name them all")
    return row.label


def _suffixes(row: Row) -> tuple[str, ...]:
    for magic, suffixes in _FORMATS:
        if row.data.startswith(magic) and (magic != b"RIFF" or row.data[8:12] == b"WEBP"):
            return suffixes
    raise DataError(f"{shown(row.path)} is no JPEG, PNG, WebP, BMP or TIFF, and other tools would skip it; convert it")


def _safe(name: str) -> str:
    """A name that lies in its folder, is not hidden, and that common file systems take."""
    name = name.encode("utf-8", "replace")[:_MAX_NAME].decode("utf-8", "ignore")
    name = "".join(letter if letter.isprintable() and letter not in _ODD else "_" for letter in name)
    if name.startswith((".", " ", "__")):  # Hugging Face takes `__` for hidden
        name = "_" + name.lstrip("._ ")
    return name.rstrip(". ") + "_" if name.endswith((".", " ")) else name or "_"


def _unused(stem: str, suffix: str, taken: set[str], numbers: Iterator[int]) -> str:
    """`stem + suffix`, numbered if some file system would take it for another that is taken."""
    name = stem + suffix
    while (folded := unicodedata.normalize("NFC", name).casefold()) in taken:
        name = f"{stem}-{next(numbers)}{suffix}"
    taken.add(folded)
    return name
