"""Prompts of the user's own, in a CSV file with the columns class and prompt, or in JSON lines with these keys."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from math import lcm
from pathlib import Path

from prettyuseful.errors import DataError, did_you_mean, one_line
from prettyuseful.untrusted_text import UnreadableTextError, load_json, read_text

COLUMNS = ("class", "prompt")
_MAX_BYTES = 8_000_000  # the prompts are part of keys
_MAX_CHARACTERS = 10_000  # of a prompt
_MAX_CYCLE = 1_000  # prompts of a class after which unequal numbers of prompts begin anew
_MAX_PRINTED = 80


def read_prompt_file(path: Path) -> dict[str, list[str]]:
    """Return the prompts of each class of a file, in order. Line breaks in prompts become spaces.

    Raises:
        DataError: the file cannot be read, or is no such file; the message names the line.
    """
    try:
        text = read_text(path, _MAX_BYTES).removeprefix("\ufeff")
    except (OSError, UnreadableTextError) as error:
        problem = error.problem if isinstance(error, UnreadableTextError) else error.strerror or str(error)
        raise DataError(f"cannot read the prompts {_shown(path)}: {problem}; {_advice(problem)}") from None
    prompts: dict[str, list[str]] = {}
    for place, name, prompt in (_json_lines if path.suffix.lower() == ".jsonl" else _csv_lines)(text, path):
        words = one_line(prompt)
        if not name.strip() or not words:
            raise DataError(f"{place}: the {'prompt' if name.strip() else 'class'} is empty; fill it in")
        if len(words) > _MAX_CHARACTERS:
            raise DataError(f"{place}: the prompt is too long (limit {_MAX_CHARACTERS:,} characters); shorten it")
        prompts.setdefault(name.strip(), []).append(words)
    if not prompts:
        raise DataError(f"{_shown(path)} holds no prompts; add at least one for each class")
    return prompts


def prompts_of_classes(
    given: Mapping[str, Sequence[str]], classes: Sequence[str], words: Mapping[str, str], file: str
) -> list[list[str]]:
    """Return the prompts of each class, in the order of `classes`.

    Args:
        given: prompts by class name, or by what prompts say for a class.
        classes: names of the classes.
        words: what prompts say for classes whose names are no words.
        file: for messages.

    Raises:
        DataError: a class is unknown or has no prompts.
    """
    names = {name: name for name in classes} | {text: name for name, text in words.items()}
    found: dict[str, list[str]] = {}
    for name, prompts in given.items():
        if name not in names:
            raise DataError(
                f"{_shown(file)}: {_cut(name)!r} is not a class of the task{did_you_mean(name, names)}; correct or "
                "remove its prompts"
            )
        found.setdefault(names[name], []).extend(prompts)
    if missing := [name for name in classes if name not in found]:
        more = f" and {len(missing) - 1} more classes" if len(missing) > 1 else ""
        raise DataError(f"{_shown(file)} has no prompt of the class {missing[0]!r}{more}; add at least one")
    return [found[name] for name in classes]


def cycle_equally(prompts: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the same number of prompts for every class, by repeating the prompts of each class in order.

    The number is the least with which every prompt of a class occurs equally often, or 1,000 (or the most prompts of a
    class) if that is less; then some occur once more often than others.
    """
    sizes = {len(of_class) for of_class in prompts}
    number = lcm(*sizes)
    if number > _MAX_CYCLE:
        number = max(_MAX_CYCLE, *sizes)
    return [[of_class[i % len(of_class)] for i in range(number)] for of_class in prompts]


def _csv_lines(text: str, path: Path) -> Iterator[tuple[str, str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            unknown = next((column for column in header if column not in COLUMNS), "")
            hint = did_you_mean(unknown, COLUMNS) if unknown else ""
            raise DataError(
                f"{_shown(path)}:1: the first line must be class,prompt, got {_cut(','.join(header))!r}{hint}; add it"
            )
        for cells in reader:
            place = f"{_shown(path)}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise DataError(f"{place}: {len(cells)} cells instead of 2; put a prompt with commas in double quotes")
            line = dict(zip(header, cells, strict=True))
            yield place, line["class"], line["prompt"]
    except csv.Error as error:
        raise DataError(f"{_shown(path)}:{reader.line_num}: broken CSV ({error}); correct this line") from None


def _json_lines(text: str, path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{_shown(path)}:{number}"
        try:
            value = load_json(line)
        except UnreadableTextError as error:
            raise DataError(f"{place}: {error.problem}; correct this line") from None
        if not isinstance(value, dict) or sorted(value) != sorted(COLUMNS):
            raise DataError(f'{place}: expected {{"class": ..., "prompt": ...}}; correct this line')
        if not all(isinstance(value[column], str) for column in COLUMNS):
            raise DataError(f"{place}: class and prompt must be texts; put them in quotes")
        yield place, value["class"], value["prompt"]


def _advice(problem: str) -> str:
    return "save it as UTF-8" if "UTF-8" in problem else "check its path"


def _shown(path: Path | str) -> str:
    return one_line(str(path))


def _cut(text: str) -> str:
    return one_line(text)[:_MAX_PRINTED]
