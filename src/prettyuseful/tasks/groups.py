"""Which images belong together: a file of the user's says it, or near-duplicates are looked for."""

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
from prettyuseful.data.near_duplicates import joined, look, near_duplicates
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.reading import check_name, check_size, parsing, reading, shown
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import first_few

_COLUMNS = ("path", "group")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_MAX_FILE = 1 << 30
_NAMED = 5  # broken images named in one error


def read_groups(file: Path) -> dict[str, str]:
    """The group of each image that a file lists by its path: CSV or TSV with the columns `path` and `group`, or
    JSON lines with these keys. What else a line holds does not matter.

    Raises:
        DataError: the file cannot be read, or a line is wrong; names the line.
    """
    where = shown(file)
    if file.suffix.lower() not in (*_DELIMITERS, ".jsonl"):
        raise DataError(f"{where}: groups are a .csv or .tsv file with the columns path and group, or a .jsonl file")
    with reading(where):
        check_size(file.stat().st_size, where, _MAX_FILE)
        data = file.read_bytes()
    with parsing(where, "not UTF-8 text"):
        text = data.decode("utf-8-sig")
    lines: dict[str, int] = {}
    groups: dict[str, str] = {}
    for number, entry in _entries(file, text):
        path, group = (_text(entry, column, f"{where}:{number}") for column in _COLUMNS)
        if groups.setdefault(path, group) != group:
            raise DataError(
                f"{where}:{number}: {shown(path)} is in the group {shown(group)}, and in {shown(groups[path])} by line "
                f"{lines[path]}; an image has one group"
            )
        lines.setdefault(path, number)
    return groups


def listed_groups(source: SampledSource, file: Path) -> dict[str, str]:
    """The group of every image of a source, as a file has it.

    Raises:
        DataError: see `read_groups`; or an image is not in the file.
    """
    groups, paths = read_groups(file), [sample.path for sample in source.samples()]
    if missing := [path for path in paths if path not in groups]:
        raise DataError(
            f"{shown(file)} names no group of {len(missing)} of the {len(paths)} images of {source.place}: "
            f"{first_few(map(shown, missing))}; add a line for each, with the path as it stands here"
        )
    return {path: groups[path] for path in paths}


def found_groups(source: SampledSource) -> dict[str, str]:
    """The group of every image of a source: near-duplicates of one class are together, and so is what the source itself
    gives one group. A group is called as the source calls it, or by the first of its paths.

    Raises:
        DataError: images are broken; they are named.
    """
    looks: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    own: dict[str, str] = {}
    broken: list[str] = []
    for sample in source.samples():
        try:
            looks[sample.label][sample.path] = look(decode(sample.read(), sample.where))
        except DataError as error:
            broken.append(str(error))
        if len(broken) == _NAMED:
            break
        own[sample.path] = str(sample.fields.get("group", sample.path))
    if broken:
        raise DataError("; ".join(broken))
    alike: dict[str, tuple[str, int]] = {}
    for label, of_class in looks.items():
        paths = sorted(of_class)
        found = near_duplicates([of_class[path] for path in paths])
        alike.update({path: (label, int(component)) for path, component in zip(paths, found, strict=True)})
    paths = sorted(own)
    together = joined([alike[path] for path in paths], [own[path] for path in paths]).tolist()
    names: dict[int, str] = {}
    for path, component in zip(paths, together, strict=True):
        names[component] = min(names.get(component, own[path]), own[path])
    return {path: names[component] for path, component in zip(paths, together, strict=True)}


def _entries(file: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What each line holds, with its number from 1."""
    where = shown(file)
    if file.suffix.lower() == ".jsonl":
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _json(line, f"{where}:{number}")
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[file.suffix.lower()], strict=True)
    rows: Iterable[Mapping[str, Any]] = reader
    with parsing(where, "no table"):
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise DataError(f"{where}:1: no column {' and no column '.join(missing)}; the first line names the columns")
        for row in rows:
            yield reader.line_num, row


def _json(line: str, where: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise DataError(f'{where}: not {{"path": ..., "group": ...}}; mend or remove the line')
    return entry


def _text(entry: Mapping[str, Any], column: str, where: str) -> str:
    value = entry.get(column)
    if not isinstance(value, str) or not value:
        raise DataError(f"{where}: no {column}; a line names the path of an image and its group")
    return check_name(value, where)
