"""Groups of related images: from a file of the user, or from a search for near-duplicates."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prettyuseful.data.images import decode
from prettyuseful.data.near_duplicates import merge_partitions, near_duplicates, thumbnail_vectors
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

_COLUMNS = ("path", "group")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_MAX_FILE = 1 << 30
_MAX_LISTED = 5  # broken images that one error lists


def read_groups(file: Path) -> dict[str, str]:
    """Return the group of each image path in a file.

    Args:
        file: a CSV or TSV file with the columns `path` and `group`, or JSON lines with these keys. Other columns and
            keys are ignored.

    Raises:
        DataError: the file cannot be read, or a line is wrong; the message gives its number.
    """
    location = printable(file)
    if file.suffix.lower() not in (*_DELIMITERS, ".jsonl"):
        raise DataError(
            f"{location}: unknown file type; give a .csv or .tsv file with the columns path and group, or a .jsonl file"
        )
    with catch_os_errors(location):
        check_size(file.stat().st_size, location, _MAX_FILE)
        data = file.read_bytes()
    with catch_parse_errors(location, "not UTF-8 text"):
        text = data.decode("utf-8-sig")
    lines: dict[str, int] = {}
    groups: dict[str, str] = {}
    for number, entry in _entries(file, text):
        path, group = (_text(entry, column, f"{location}:{number}") for column in _COLUMNS)
        if groups.setdefault(path, group) != group:
            raise DataError(
                f"{location}:{number}: {printable(path)} is in the group {printable(group)}, but line {lines[path]} "
                f"puts it in {printable(groups[path])}; keep one of these lines"
            )
        lines.setdefault(path, number)
    return groups


def groups_from_file(source: SampledSource, file: Path) -> dict[str, str]:
    """Return the group of every image of a source, read from a file.

    Raises:
        DataError: see `read_groups`; or an image of the source is not in the file.
    """
    groups, paths = read_groups(file), [sample.path for sample in source.samples()]
    if missing := [path for path in paths if path not in groups]:
        raise DataError(
            f"{printable(file)} has no group for {len(missing)} of the {len(paths)} images of {source.location}: "
            f"{summarise_names(map(printable, missing))}; add one line per image, with exactly these paths"
        )
    return {path: groups[path] for path in paths}


def near_duplicate_groups(source: SampledSource) -> dict[str, str]:
    """Return the group of every image of a source, by path.

    Near-duplicates in the same class are put into one group. Groups that the source itself gives are kept together. A
    group takes its name from the source, or else from the first of its paths.

    Raises:
        DataError: images cannot be decoded; the message lists them.
    """
    vectors: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    source_groups: dict[str, str] = {}
    broken: list[str] = []
    for sample in source.samples():
        try:
            vectors[sample.label][sample.path] = thumbnail_vectors(decode(sample.read(), sample.location))
        except DataError as error:
            broken.append(str(error))
        if len(broken) == _MAX_LISTED:
            break
        source_groups[sample.path] = str(sample.fields.get("group", sample.path))
    if broken:
        raise DataError("; ".join(broken))
    duplicate_groups: dict[str, tuple[str, int]] = {}
    for label, class_vectors in vectors.items():
        paths = sorted(class_vectors)
        components = near_duplicates([class_vectors[path] for path in paths])
        for path, component in zip(paths, components, strict=True):
            duplicate_groups[path] = (label, int(component))
    paths = sorted(source_groups)
    merged = merge_partitions(
        [duplicate_groups[path] for path in paths], [source_groups[path] for path in paths]
    ).tolist()
    names: dict[int, str] = {}
    for path, group in zip(paths, merged, strict=True):
        names[group] = min(names.get(group, source_groups[path]), source_groups[path])
    return {path: names[group] for path, group in zip(paths, merged, strict=True)}


def _entries(file: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number of each line, from 1, and its fields."""
    location = printable(file)
    if file.suffix.lower() == ".jsonl":
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _json(line, f"{location}:{number}")
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[file.suffix.lower()], strict=True)
    rows: Iterable[Mapping[str, Any]] = reader
    with catch_parse_errors(location, "broken table"):
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise DataError(
                f"{location}:1: no column {' and no column '.join(missing)}; name the columns in the first line"
            )
        for row in rows:
            yield reader.line_num, row


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
    if not isinstance(value, str) or not value:
        raise DataError(f"{location}: {column} is missing; give the path of an image and its group")
    return check_name(value, location)
