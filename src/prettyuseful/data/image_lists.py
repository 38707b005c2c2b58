"""Lists of images as CSV files: images of a data set, each with what was found about it.

The columns are path, class, finding, score, suggested and other. Cells that a spreadsheet would take for a formula have
an apostrophe in front, which `read_image_list` removes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.untrusted_text import UnreadableTextError, read_text

COLUMNS = ("path", "class", "finding", "score", "suggested", "other")
LIST_MARK = b"path,class,finding,score,suggested,other"
"""The first line of every list that prettyuseful writes."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MAX_BYTES = 1 << 28
_MAX_PRINTED = 80


@dataclass(frozen=True)
class ListedPath:
    """A line of a list.

    Attributes:
        path: path of the image in its data set.
        class_name: its class, or empty if the list has no classes.
        finding: what was found, a row of `diagnosis.listed.LISTED`, or empty if the list has no findings.
        score: 0-1, the higher the clearer; 1 if the list has no scores.
        suggested: the class that is suggested instead, or empty.
        other: path of another image that this one resembles, or empty.
    """

    path: str
    class_name: str = ""
    finding: str = ""
    score: float = 1.0
    suggested: str = ""
    other: str = ""


def format_image_list(lines: Iterable[ListedPath]) -> str:
    """Return the text of a CSV file (RFC 4180, but with \\n at the end of lines)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        texts = (line.path, line.class_name, line.finding, f"{line.score:.4f}", line.suggested, line.other)
        writer.writerow(map(neutralise_formula, texts))
    return buffer.getvalue()


def read_image_list(path: Path) -> list[ListedPath]:
    """Read a list: a CSV file with the column `path` and any of the other columns.

    Raises:
        DataError: the file cannot be read, or is no such list; the message names the line.
    """
    try:
        text = read_text(path, _MAX_BYTES)
    except (OSError, UnreadableTextError) as error:
        problem = error.problem if isinstance(error, UnreadableTextError) else error.strerror or str(error)
        raise DataError(f"cannot read the list of images {_shown(path)}: {problem}; check its path") from None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        _check_columns(columns, path)
        return [_parse(columns, cells, f"{_shown(path)}:{reader.line_num}") for cells in reader if cells]
    except csv.Error as error:
        raise DataError(f"{_shown(path)}:{reader.line_num}: broken CSV ({error}); correct this line") from None


def neutralise_formula(text: str) -> str:
    """Return the text of a cell with an apostrophe in front of what a spreadsheet would take for a formula."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _restore(cell: str) -> str:
    """Return what was given to `neutralise_formula`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _check_columns(columns: list[str], path: Path) -> None:
    for column in columns:
        if column not in COLUMNS:
            hint = did_you_mean(column, COLUMNS)
            raise DataError(
                f"{_shown(path)}:1: unknown column {_shown(column)!r}{hint}; valid columns: {', '.join(COLUMNS)}"
            )
        if columns.count(column) > 1:
            raise DataError(f"{_shown(path)}:1: two columns are named {column}; remove one of them")
    if "path" not in columns:
        raise DataError(f"{_shown(path)}:1: no column path; name the columns in the first line")


def _parse(columns: list[str], cells: list[str], location: str) -> ListedPath:
    if len(cells) != len(columns):
        raise DataError(f"{location}: {len(cells)} cells for {len(columns)} columns; correct this line")
    values = dict(zip(columns, map(_restore, cells), strict=True))
    if not values["path"]:
        raise DataError(f"{location}: the path is empty; correct or remove this line")
    try:
        score = float(values.get("score", "1"))
    except ValueError:
        raise DataError(f"{location}: the score {_shown(values['score'])!r} is no number; correct it") from None
    return ListedPath(
        path=values["path"],
        class_name=values.get("class", ""),
        finding=values.get("finding", ""),
        score=score,
        suggested=values.get("suggested", ""),
        other=values.get("other", ""),
    )


def _shown(text: object) -> str:
    shown = str(text)[:_MAX_PRINTED] if not isinstance(text, Path) else str(text)
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")
