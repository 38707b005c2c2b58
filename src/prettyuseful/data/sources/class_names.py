"""Which of a source's classes is which of a task's."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from prettyuseful.data.sources.protocol import ImageSource
from prettyuseful.data.sources.reading import shown
from prettyuseful.errors import DataError, did_you_mean

_NAMED = 5  # classes named in one error
_HINTS = 1000  # names among which a hint is looked for


def check_labels(source: ImageSource, classes: Sequence[str], per_class: int) -> dict[str, int]:
    """As `match_classes`; every class has at least `per_class` images, too.

    Raises:
        DataError: the classes do not match, or a class has too few images.
    """
    index, counts = match_classes(source, classes), source.counts()
    few = sorted((counts[name], name) for name in index if counts[name] < per_class)
    if few:
        least, name = few[0]
        more = f" ({len(few)} classes have too few)" if len(few) > 1 else ""
        raise DataError(
            f"{source.place}: class {_quoted(name)} has {least} images, {per_class} were asked for{more}; "
            f"lower images_per_class to at most {least}, or add images"
        )
    return index


def match_classes(source: ImageSource, classes: Sequence[str]) -> dict[str, int]:
    """The index in `classes` of each name that the source has for one of them. Every class is matched, once.

    Names match if they are equal, or else equal but for case and for underscores instead of spaces. Shards may also
    number their classes, from 0 and in the order of `classes`. What else the source has is left out.

    Raises:
        DataError: classes without images, or a name that could be either of two.
    """
    found = [name for name, count in source.counts().items() if count]
    matched = _by_name(found, classes, source.place)
    if not matched and source.kind != "imagefolder":
        matched = _by_number(found, len(classes))
    have = set(matched.values())
    if missing := [name for index, name in enumerate(classes) if index not in have]:
        spare = [name for name in found if name not in matched]
        raise DataError(_mismatch(source.place, len(classes), missing, spare))
    return matched


def _by_name(found: Sequence[str], classes: Sequence[str], place: str) -> dict[str, int]:
    known = {name: index for index, name in enumerate(classes)}
    matched = {name: known[name] for name in found if name in known}
    wanted = Counter(_folded(name) for name in classes if name not in matched)
    spare = defaultdict(list)
    for name in found:
        if name not in matched:
            spare[_folded(name)].append(name)
    for name, index in known.items():
        near = spare.get(_folded(name), [])
        if name in matched or not near:
            continue
        if len(near) > 1 or wanted[_folded(name)] > 1:
            either = " or ".join(_quoted(one) for one in near)
            raise DataError(f"{place}: {either} could be the task's class {name!r}; name them as the task does")
        matched[near[0]] = index
    return matched


def _by_number(found: Sequence[str], count: int) -> dict[str, int]:
    numbers = {name: int(name) for name in found if name.isascii() and name.isdigit() and len(name) < 10}
    whole = len(found) == len(numbers) == len(set(numbers.values())) and max(numbers.values(), default=0) < count
    return numbers if whole else {}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())


def _mismatch(place: str, count: int, missing: Sequence[str], spare: Sequence[str]) -> str:
    hints = [did_you_mean(name, spare[:_HINTS]).removeprefix("; ") for name in missing[:_NAMED]]
    named = [f"{name!r} ({hint})" if hint else repr(name) for name, hint in zip(missing, hints, strict=False)]
    others = [_quoted(name) for name in spare[:_NAMED]]
    instead = f"; it has {_few(others, len(spare))} instead" if spare else ""
    return (
        f"{place} has no images of {len(missing)} of the task's {count} classes: {_few(named, len(missing))}{instead}; "
        "add images, or name its classes as the task does"
    )


def _quoted(name: str) -> str:
    return f"'{shown(name)}'"


def _few(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - _NAMED} more" if count > _NAMED else "")
