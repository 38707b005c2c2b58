"""Match the class names of a source to the classes of a task."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from prettyuseful.data.sources.protocol import ImageSource
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.errors import DataError, did_you_mean

_MAX_LISTED = 5  # classes that one error lists
_MAX_CANDIDATES = 1000  # names that are compared to find a similar one


def match_large_classes(source: ImageSource, classes: Sequence[str], per_class: int) -> dict[str, int]:
    """Call `match_classes`, and check that every class has at least `per_class` images.

    Raises:
        DataError: the classes do not match, or a class has too few images.
    """
    index, counts = match_classes(source, classes), source.counts()
    small = sorted((counts[name], name) for name in index if counts[name] < per_class)
    if small:
        least, name = small[0]
        more = f" ({len(small)} classes have too few)" if len(small) > 1 else ""
        raise DataError(
            f"{source.location}: class {_quoted(name)} has only {least} images, but {per_class} were requested{more}; "
            f"lower images_per_class to at most {least}, or add images"
        )
    return index


def match_classes(source: ImageSource, classes: Sequence[str]) -> dict[str, int]:
    """Return the index in `classes` of each class name of the source. Each class is matched exactly once.

    Names match if they are equal, or else if they differ only by case and by underscores for spaces. The classes of
    shards may also be numbers, from 0 in the order of `classes`. Other classes of the source are left out.

    Raises:
        DataError: a class has no images, or several names match a class.
    """
    names = [name for name, count in source.counts().items() if count]
    matched = _match_by_name(names, classes, source.location)
    if not matched and source.kind != "imagefolder":
        matched = _match_by_number(names, len(classes))
    matched_indices = set(matched.values())
    if missing := [name for index, name in enumerate(classes) if index not in matched_indices]:
        spare = [name for name in names if name not in matched]
        raise DataError(_mismatch_message(source.location, len(classes), missing, spare))
    return matched


def _match_by_name(names: Sequence[str], classes: Sequence[str], location: str) -> dict[str, int]:
    known = {name: index for index, name in enumerate(classes)}
    matched = {name: known[name] for name in names if name in known}
    wanted = Counter(_normalised(name) for name in classes if name not in matched)
    spare = defaultdict(list)
    for name in names:
        if name not in matched:
            spare[_normalised(name)].append(name)
    for name, index in known.items():
        near = spare.get(_normalised(name), [])
        if name in matched or not near:
            continue
        if len(near) > 1 or wanted[_normalised(name)] > 1:
            either = " or ".join(_quoted(candidate) for candidate in near)
            raise DataError(f"{location}: {either} could be the task's class {name!r}; use the class names of the task")
        matched[near[0]] = index
    return matched


def _match_by_number(names: Sequence[str], count: int) -> dict[str, int]:
    numbers = {name: int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10}
    is_numbering = len(names) == len(numbers) == len(set(numbers.values())) and max(numbers.values(), default=0) < count
    return numbers if is_numbering else {}


def _normalised(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())


def _mismatch_message(location: str, count: int, missing: Sequence[str], spare: Sequence[str]) -> str:
    hints = [did_you_mean(name, spare[:_MAX_CANDIDATES]).removeprefix("; ") for name in missing[:_MAX_LISTED]]
    named = [f"{name!r} ({hint})" if hint else repr(name) for name, hint in zip(missing, hints, strict=False)]
    others = [_quoted(name) for name in spare[:_MAX_LISTED]]
    instead = f"; it has {_join_first(others, len(spare))} instead" if spare else ""
    return (
        f"{location} has no images of {len(missing)} of the task's {count} classes: "
        f"{_join_first(named, len(missing))}{instead}; add images, or use the class names of the task"
    )


def _quoted(name: str) -> str:
    return f"'{printable(name)}'"


def _join_first(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - _MAX_LISTED} more" if count > _MAX_LISTED else "")
