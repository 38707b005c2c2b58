"""Read the groups of images from a table of the user, and find the image that each line means."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.safe_reading import (
    catch_os_errors,
    catch_parse_errors,
    check_name,
    check_size,
    printable,
)
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import summarise_names

_MAX_FILE = 1 << 30
_TABLES, _JSON_LINES = (".csv", ".tsv", ".txt"), (".jsonl", ".ndjson")
_DELIMITERS = (",", ";", "\t")
_DRIVE = re.compile(r"^[A-Za-z]:(?=/|$)")


@dataclass(frozen=True)
class _Column:
    """A column: its name, further names that are accepted if there is only one of them, and names of last resort."""

    name: str
    accepted: tuple[str, ...]
    last_resort: tuple[str, ...] = ()

    def find(self, columns: Sequence[str], location: str) -> str:
        """Return the column of a table that is meant.

        Raises:
            DataError: no column or several columns fit.
        """
        for names in ((self.name,), self.accepted, self.last_resort):
            fitting = [column for column in columns if _simplify(column) in names]
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise DataError(
                    f"{location}: the columns {' and '.join(map(printable, fitting))} could both hold the {self.name}; "
                    f"rename the right one to {self.name}"
                )
        listed = printable(", ".join(columns)) or "none"
        raise DataError(
            f"{location}: no column {self.name} (the columns are {listed}); name the columns in the first line"
        )


_PATH = _Column(
    "path",
    ("file", "file_name", "filename", "file_path", "filepath", "image", "image_path", "image_file", "img", "img_path"),
    ("id", "image_id", "name"),
)
_GROUP = _Column(
    "group",
    (
        *("group_id", "patient", "patient_id", "subject", "subject_id", "person", "person_id", "owner"),
        *("source", "source_id", "scene", "scene_id", "video", "video_id", "sequence", "sequence_id", "clip"),
        *("series", "series_id", "case", "case_id", "study_id", "location", "photograph", "block"),
    ),
)


@dataclass(frozen=True)
class GroupLine:
    """A line of a groups file: the path of an image as it is written, its group, and the number of the line."""

    path: str
    group: str
    number: int


@dataclass(frozen=True)
class GroupsFile:
    """The lines of a groups file."""

    file: Path
    lines: tuple[GroupLine, ...]

    def groups_of(self, source: SampledSource) -> dict[str, str]:
        """Return the group of every image of a source.

        Raises:
            DataError: an image has no line, or two lines put it into different groups.
        """
        location, matches = printable(self.file), self._matches(source)
        paths = [sample.path for sample in source.samples()]
        if missing := [path for path in paths if path not in matches]:
            raise DataError(
                f"{location} has no group for {len(missing)} of the {len(paths)} images of {source.location}: "
                f"{summarise_names(map(printable, missing))}; add one line per image"
            )
        for path in paths:
            first, *others = matches[path]
            if differing := [line for line in others if line.group != first.group]:
                raise DataError(
                    f"{location}:{differing[0].number}: {printable(path)} is in the group "
                    f"{printable(differing[0].group)}, but line {first.number} puts it in {printable(first.group)}; "
                    "keep one of these lines"
                )
        return {path: matches[path][0].group for path in paths}

    def notes(self, sources: Sequence[SampledSource]) -> tuple[str, ...]:
        """Return a sentence on the lines that mean no image of any of the sources, if there are any."""
        used = {line.number for source in sources for lines in self._matches(source).values() for line in lines}
        unused = [line.path for line in self.lines if line.number not in used]
        if not unused:
            return ()
        return (
            f"{len(unused)} of {len(self.lines)} lines of {printable(self.file.name)} match no image: "
            f"{summarise_names(map(printable, unused))}.",
        )

    def _matches(self, source: SampledSource) -> dict[str, list[GroupLine]]:
        """Return, by path in the source, the lines that mean an image: those that match in the most direct way."""
        paths = {_normalise(sample.path): sample.path for sample in source.samples()}
        place = Path(source.location)
        root = place if place.is_dir() else place.parent
        found: dict[str, tuple[int, list[GroupLine]]] = {}
        for line in self.lines:
            for rank, candidate in enumerate(self._candidates(line.path, root)):
                if path := next((paths[name] for name in candidate if name in paths), None):
                    best, lines = found.setdefault(path, (rank, []))
                    if rank < best:
                        found[path] = rank, [line]
                    elif rank == best:
                        lines.append(line)
                    break
        return {path: lines for path, (_, lines) in found.items()}

    def _candidates(self, text: str, root: Path) -> Iterator[Iterator[str]]:
        """Yield the paths in a source that a text can mean, the most direct way first.

        The text is relative to the source, or it is absolute or relative to the folder of the file or the working
        folder, or it comes from another computer or folder, with the same folders at its end.
        """
        path = _normalise(text)
        yield iter((path,))
        folders, top = (self.file.parent, Path.cwd()), _absolute(root)
        absolute = [_absolute(folder / path) for folder in folders]
        yield (_normalise(str(file.relative_to(top))) for file in absolute if file.is_relative_to(top))
        parts = PurePosixPath(path).parts
        ends = [(parts[i - 1], "/".join(parts[i:])) for i in range(1, len(parts))]
        yield (end for before, end in ends if before == root.name)
        yield (end for _, end in ends)


def read_groups(file: Path) -> GroupsFile:
    """Read a groups file.

    Args:
        file: a table (.csv, .tsv or .txt; separated by commas, semicolons or tabs) with a column of paths and a column
            of groups, or JSON lines with these keys. Other columns and keys are ignored.

    Raises:
        DataError: the file cannot be read, or a line is wrong; the message gives its number.
    """
    location = printable(file)
    if file.suffix.lower() not in (*_TABLES, *_JSON_LINES):
        raise DataError(
            f"{location}: unknown file type; give a .csv or .tsv file with the columns path and group, or a .jsonl file"
        )
    with catch_os_errors(location):
        check_size(file.stat().st_size, location, _MAX_FILE)
        data = file.read_bytes()
    with catch_parse_errors(location, "not UTF-8 text"):
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    entries = _read_json_lines(text, location) if file.suffix.lower() in _JSON_LINES else _read_table(text, location)
    lines: dict[str, GroupLine] = {}
    for number, path, group in entries:
        line = lines.setdefault(path, GroupLine(path, group, number))
        if line.group != group:
            raise DataError(
                f"{location}:{number}: {printable(path)} is in the group {printable(group)}, but line {line.number} "
                f"puts it in {printable(line.group)}; keep one of these lines"
            )
    return GroupsFile(file, tuple(lines.values()))


def _read_table(text: str, location: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line, from 1, and its path and group."""
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    with catch_parse_errors(location, "broken table"):
        columns = [name for name in (reader.fieldnames or ()) if name]
        path, group = (column.find(columns, f"{location}:1") for column in (_PATH, _GROUP))
        for row in reader:
            where = f"{location}:{reader.line_num}"
            yield reader.line_num, _text(row, path, where), _text(row, group, where)


def _read_json_lines(text: str, location: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            where = f"{location}:{number}"
            entry = _json(line, where)
            path, group = (column.find(list(entry), where) for column in (_PATH, _GROUP))
            yield number, _text(entry, path, where), _text(entry, group, where)


def _json(line: str, location: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise DataError(f'{location}: not {{"path": ..., "group": ...}}; correct or remove the line')
    return entry


def _text(entry: Mapping[str, Any], column: str, location: str) -> str:
    value = entry.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{location}: {printable(column)} is missing; give the path of an image and its group")
    return check_name(value, location)


def _normalise(path: str) -> str:
    """Return a path with slashes, without a drive, `.` and repeated slashes, in one Unicode form."""
    path = _DRIVE.sub("", unicodedata.normalize("NFC", path.strip()).replace("\\", "/"))
    return str(PurePosixPath(path))


def _absolute(path: Path) -> Path:
    """Return the path without `..`, but with its links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (`resolve` would follow links)


def _simplify(column: str) -> str:
    return column.strip().casefold().replace(" ", "_").replace("-", "_")
