"""Export data sets for other tools, as an ImageFolder tree or as WebDataset shards. Images keep their bytes."""

from __future__ import annotations

import json
import os
import re
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath

from prettyuseful.data.dataset import Row, is_shard_name, read_shard, shard_classes
from prettyuseful.data.sources.file_kinds import CLASS_FILE
from prettyuseful.data.sources.safe_reading import catch_os_errors, catch_parse_errors, check_regular, printable
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.output_files import delete_drafts, draft_folder, exited_drafts, is_own_file
from prettyuseful.untrusted_text import UnreadableTextError, load_json, read_text

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
# Names that Windows takes for devices, also with a suffix.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\.|$)", re.IGNORECASE)
_MAX_COMPLETE_BYTES = 1000


def export_dataset(dataset: Path, form: str, out: Path) -> int:
    """Export a data set folder as `imagefolder` or `webdataset`, and return the number of images.

    If an earlier export of the same data set to `out` was killed while it was completed, complete it.

    Raises:
        UnknownNameError: the format is unknown.
        DataError: `dataset` is not a data set folder; or see `export_imagefolder` and `export_webdataset`.
    """
    if form not in _EXPORTS:
        raise UnknownNameError(f"unknown format {form!r}{did_you_mean(form, _EXPORTS)}; known: {', '.join(_EXPORTS)}")
    with catch_os_errors(printable(dataset)):
        files = sorted(path for path in dataset.glob("data-*.parquet") if is_shard_name(path.name))
    if not files:
        raise DataError(f"no data-*.parquet in {dataset}; give a data set folder that `run` or `generate` wrote")
    sizes = [(path.name, check_regular(path), path.stat().st_mtime_ns) for path in files]
    with catch_parse_errors(str(dataset)):
        rows = (row for file in files for row in read_shard(file))
        classes = shard_classes(files[0])
        return _publish(out, lambda draft: _EXPORTS[form](rows, classes, draft, out), digest([form, sizes]))


def export_imagefolder(rows: Iterable[Row], classes: Sequence[str], out: Path) -> int:
    """Write `<out>/<class>/<file>` and return the number of images. Prompts and seeds are not exported.

    Names that a common file system would reject are changed; `CLASS_FILE` lists the folder of each class. torchvision
    and Hugging Face read the tree, and number its classes in the order of the folder names. (A `metadata.csv` with
    prompts would make Hugging Face drop the labels.)

    Raises:
        DataError: `out` is not empty or cannot be written, or ImageFolder does not support the format of an image.
    """
    return _publish(out, lambda draft: _write_imagefolder(rows, classes, draft, out))


def export_webdataset(rows: Iterable[Row], classes: Sequence[str], out: Path, images_per_shard: int = 1000) -> int:
    """Write `<out>/data-000000.tar`, ... and return the number of images. Equal rows give equal bytes.

    A sample has an image (`.jpg`, `.png` or `.webp`), the index of its class (`.cls`), and the name of its class
    (`label`) with the other fields of the row (`.json`).

    Raises:
        DataError: `out` is not empty or cannot be written, or an image has another format.
    """
    if images_per_shard < 1:
        raise DataError(f"images_per_shard is {images_per_shard}; give at least 1")
    return _publish(out, lambda draft: _write_webdataset(rows, classes, draft, out, images_per_shard))


def _write_imagefolder(rows: Iterable[Row], classes: Sequence[str], draft: Path, out: Path) -> int:
    numbers, counts = count(1), Counter[int]()
    taken: set[str] = {CLASS_FILE}
    folders = [_unique_name(_portable_name(name), "", taken, numbers) for name in classes]
    files: list[set[str]] = [set() for _ in classes]
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
    about = {"schema_version": EXPORT_SCHEMA_VERSION, "classes": class_entries}
    with _catch_write_errors(out):
        (draft / CLASS_FILE).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    return counts.total()


def _write_webdataset(
    rows: Iterable[Row], classes: Sequence[str], draft: Path, out: Path, images_per_shard: int = 1000
) -> int:
    total = 0
    for row in rows:
        sample = _tar_sample(row, classes, f"{total:09d}")
        with _catch_write_errors(out), (draft / f"data-{total // images_per_shard:06d}.tar").open("ab") as shard:
            shard.write(sample)
        total += 1
    for path in draft.iterdir():
        with _catch_write_errors(out), path.open("ab") as shard:
            shard.write(bytes(2 * tarfile.BLOCKSIZE))
    return total


_EXPORTS: dict[str, Callable[[Iterable[Row], Sequence[str], Path, Path], int]] = {
    "imagefolder": _write_imagefolder,
    "webdataset": _write_webdataset,
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
        "source": row.source,
    }
    text = json.dumps({name: value for name, value in known.items() if value is not None})
    files = {suffix: row.data, ".cls": str(label).encode(), ".json": text.encode()}
    return b"".join(_tar_member(key + ending, data) for ending, data in files.items())


def _tar_member(name: str, data: bytes) -> bytes:
    member = tarfile.TarInfo(name)  # without owner and time, so that equal rows give equal bytes
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _publish(out: Path, write: Callable[[Path], int], source: str = "") -> int:
    """Let `write` fill a folder, move its contents to the empty folder `out`, and return the number of images.

    That folder is part of a hidden folder in `out`. If the process is killed, the next export to `out` deletes it; but
    if its contents were complete, some may have been moved, so the next export moves the others, too. It is then done
    if both exports have the same `source`.
    """
    with ExitStack() as stack:
        with _catch_write_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for hidden in exited_drafts(out, _DRAFTS):
                if (earlier := _finish(hidden, out)) and source and earlier[0] == source:
                    return earlier[1]
            if entry := next(out.iterdir(), None):
                raise DataError(
                    f"{out} is not empty (it holds {printable(entry.name)}); choose a new folder, or empty this one"
                )
            hidden = stack.enter_context(draft_folder(out, kind=_DRAFTS))
            (hidden / _FILES).mkdir()
        images = write(hidden / _FILES)
        with _catch_write_errors(out):
            draft = hidden / "draft.json"
            draft.write_text(json.dumps([source, images]), "utf-8")
            draft.rename(hidden / _COMPLETE)
            _move(hidden / _FILES, out)
        return images


_DRAFTS, _FILES, _COMPLETE = "export", "files", "complete.json"


def _finish(hidden: Path, out: Path) -> tuple[str, int] | None:
    """Move what a killed export has completed but not moved; return its source and its number of images."""
    with suppress(OSError, UnreadableTextError, TypeError, ValueError):
        if is_own_file(hidden / _COMPLETE, b"["):
            source, images = load_json(read_text(hidden / _COMPLETE, _MAX_COMPLETE_BYTES))
            if not (hidden / _FILES).is_symlink():
                if (hidden / _FILES).is_dir():  # else it was killed after all files had been moved
                    _move(hidden / _FILES, out)
                delete_drafts(hidden)
                return str(source), int(images)
    delete_drafts(hidden)
    return None


def _move(files: Path, out: Path) -> None:
    """Move all files and folders to `out`, or none."""
    moved: list[Path] = []
    try:
        for path in sorted(files.iterdir()):
            if os.path.lexists(out / path.name):
                raise DataError(f"{out / path.name} exists; choose a new folder")
            path.rename(out / path.name)
            moved.append(out / path.name)
    except BaseException:
        for path in moved:
            with suppress(OSError):
                path.rename(files / path.name)
        raise


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
    if _DEVICES.match(name):
        name = "_" + name
    return name.rstrip(". ") + "_" if name.endswith((".", " ")) else name or "_"


def _unique_name(stem: str, suffix: str, taken: set[str], numbers: Iterator[int]) -> str:
    """Return `stem + suffix`, with a number if a file system could confuse it with a name in `taken`."""
    name = stem + suffix
    while (folded := unicodedata.normalize("NFC", name).casefold()) in taken:
        name = f"{stem}-{next(numbers)}{suffix}"
    taken.add(folded)
    return name
