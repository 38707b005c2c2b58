"""Export data sets for other tools, as an ImageFolder tree or as WebDataset shards. Images keep their bytes."""

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
from prettyuseful.data.sources.file_kinds import CLASS_FILE
from prettyuseful.data.sources.safe_reading import catch_parse_errors, printable
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean

EXPORT_SCHEMA_VERSION = 1

# First bytes of each image format, and its file suffixes in torchvision's ImageFolder.
_FORMATS = (
    (b"\xff\xd8\xff", (".jpg", ".jpeg")),
    (b"\x89PNG\r\n\x1a\n", (".png",)),
    (b"RIFF", (".webp",)),
    (b"BM", (".bmp",)),
    (b"II*\0", (".tif", ".tiff")),
    (b"MM\0*", (".tif", ".tiff")),
)
_TAR_SUFFIXES = (".jpg", ".png", ".webp")
_RESERVED_CHARACTERS = frozenset('/\\:*?"<>|')
_MAX_NAME = 200  # bytes of UTF-8; file systems allow 255


def export_dataset(dataset: Path, form: str, out: Path) -> int:
    """Export a data set folder as `imagefolder` or `webdataset`, and return the number of images.

    Raises:
        UnknownNameError: the format is unknown.
        DataError: `dataset` is not a data set folder; or see `export_imagefolder` and `export_webdataset`.
    """
    if form not in _EXPORTS:
        raise UnknownNameError(f"unknown format {form!r}{did_you_mean(form, _EXPORTS)}; known: {', '.join(_EXPORTS)}")
    files = sorted(dataset.glob("data-*.parquet"))
    if not files:
        raise DataError(f"no data-*.parquet in {dataset}; give a data set folder that `run` or `generate` wrote")
    with catch_parse_errors(str(dataset)):
        rows = (row for file in files for row in read_shard(file))
        return _EXPORTS[form](rows, shard_classes(files[0]), out)


def export_imagefolder(rows: Iterable[Row], classes: Sequence[str], out: Path) -> int:
    """Write `<out>/<class>/<file>` and return the number of images. Prompts and seeds are not exported.

    Names that a common file system would reject are changed; `CLASS_FILE` lists the folder of each class. torchvision
    and Hugging Face read the tree, and number its classes in the order of the folder names. (A `metadata.csv` with
    prompts would make Hugging Face drop the labels.)

    Raises:
        DataError: `out` is not empty or cannot be written, or ImageFolder does not support the format of an image.
    """
    numbers, counts = count(1), Counter[int]()
    taken: set[str] = {CLASS_FILE}
    folders = [_unique_name(_portable_name(name), "", taken, numbers) for name in classes]
    files: list[set[str]] = [set() for _ in classes]
    with _move_when_complete(out) as draft:
        for row in rows:
            label, path = _checked_label(row, classes), PurePosixPath(row.path)
            suffixes = _suffixes(row)
            suffix = path.suffix if path.suffix.lower() in suffixes else suffixes[0]
            name = _unique_name(_portable_name(path.stem), suffix, files[label], numbers)
            with _catch_write_errors(out):
                (draft / folders[label]).mkdir(exist_ok=True)
                (draft / folders[label] / name).write_bytes(row.data)
            counts[label] += 1
        class_entries = [
            {"name": name, "folder": folder, "images": counts[label]}
            for label, (name, folder) in enumerate(zip(classes, folders, strict=True))
        ]
        with _catch_write_errors(out):
            (draft / CLASS_FILE).write_text(
                json.dumps({"schema_version": EXPORT_SCHEMA_VERSION, "classes": class_entries}, indent=1) + "\n",
                "utf-8",
            )
    return counts.total()


def export_webdataset(rows: Iterable[Row], classes: Sequence[str], out: Path, images_per_shard: int = 1000) -> int:
    """Write `<out>/data-000000.tar`, ... and return the number of images. Equal rows give equal bytes.

    A sample has an image (`.jpg`, `.png` or `.webp`), the index of its class (`.cls`), and the name of its class
    (`label`) with the other fields of the row (`.json`).

    Raises:
        DataError: `out` is not empty or cannot be written, or an image has another format.
    """
    if images_per_shard < 1:
        raise DataError(f"images_per_shard is {images_per_shard}; give at least 1")
    total = 0
    with _move_when_complete(out) as draft:
        for row in rows:
            sample = _tar_sample(row, classes, f"{total:09d}")
            with (
                _catch_write_errors(out),
                (draft / f"data-{total // images_per_shard:06d}.tar").open("ab") as shard,
            ):
                shard.write(sample)
            total += 1
        for path in draft.iterdir():
            with _catch_write_errors(out), path.open("ab") as shard:
                shard.write(bytes(2 * tarfile.BLOCKSIZE))
    return total


_EXPORTS: dict[str, Callable[[Iterable[Row], Sequence[str], Path], int]] = {
    "imagefolder": export_imagefolder,
    "webdataset": export_webdataset,
}


def _tar_sample(row: Row, classes: Sequence[str], key: str) -> bytes:
    label, suffix = _checked_label(row, classes), _suffixes(row)[0]
    if suffix not in _TAR_SUFFIXES:
        raise DataError(
            f"{printable(row.path)} is a {suffix} file, which readers of WebDataset skip; convert it to PNG"
        )
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
    member = tarfile.TarInfo(name)  # without owner and time, so that equal rows give equal bytes
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


@contextmanager
def _move_when_complete(out: Path) -> Iterator[Path]:
    """Yield a hidden folder in the empty folder `out`. On success its contents move to `out`; then it is deleted."""
    with _catch_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if entry := next(out.iterdir(), None):
            raise DataError(
                f"{out} is not empty (it holds {printable(entry.name)}); choose a new folder, or empty this one"
            )
        draft = Path(tempfile.mkdtemp(prefix=".export-", dir=out))
    try:
        yield draft
        with _catch_write_errors(out):
            for path in sorted(draft.iterdir()):
                path.rename(out / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _catch_write_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write to {out} ({error.strerror or error}); choose another folder") from None


def _checked_label(row: Row, classes: Sequence[str]) -> int:
    if not 0 <= row.label < len(classes):
        raise DataError(
            f"{printable(row.path)} has label {row.label}, but there are {len(classes)} classes; give all class names"
        )
    return row.label


def _suffixes(row: Row) -> tuple[str, ...]:
    for magic, suffixes in _FORMATS:
        if row.data.startswith(magic) and (magic != b"RIFF" or row.data[8:12] == b"WEBP"):
            return suffixes
    raise DataError(
        f"{printable(row.path)} is not a JPEG, PNG, WebP, BMP or TIFF, and other tools would skip it; convert it"
    )


def _portable_name(name: str) -> str:
    """Return a name that is not hidden, has no path separators, and is valid on common file systems."""
    name = name.encode("utf-8", "replace")[:_MAX_NAME].decode("utf-8", "ignore")
    name = "".join(letter if letter.isprintable() and letter not in _RESERVED_CHARACTERS else "_" for letter in name)
    if name.startswith((".", " ", "__")):  # Hugging Face ignores names that begin with `__`
        name = "_" + name.lstrip("._ ")
    return name.rstrip(". ") + "_" if name.endswith((".", " ")) else name or "_"


def _unique_name(stem: str, suffix: str, taken: set[str], numbers: Iterator[int]) -> str:
    """Return `stem + suffix`, with a number if a file system could confuse it with a name in `taken`."""
    name = stem + suffix
    while (folded := unicodedata.normalize("NFC", name).casefold()) in taken:
        name = f"{stem}-{next(numbers)}{suffix}"
    taken.add(folded)
    return name
