"""Match the class names of a source to the classes of a task."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.protocol import ImageSource
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.errors import DataError, did_you_mean

_MAX_LISTED = 5  # classes that one error lists
_MAX_CANDIDATES = 1000  # names that are compared to find a similar one


def match_large_classes(source: ImageSource, classes: Sequence[str], per_class: ClassCounts | int) -> dict[str, int]:
    """Call `match_classes`, and check that every class has at least `per_class` images.

    Raises:
        DataError: the classes do not match, or a class has too few images.
    """
    per_class = ClassCounts(per_class) if isinstance(per_class, int) else per_class
    index, counts = match_classes(source, classes), source.counts()
    small = sorted((counts[name], name) for name, label in index.items() if counts[name] < per_class[label])
    if small:
        least, name = small[0]
        more = f" ({len(small)} classes have too few)" if len(small) > 1 else ""
        raise DataError(
            f"{source.location}: class {_quoted(name)} has only {least} images, but {per_class[index[name]]} were "
            f"requested{more}; lower images_per_class to at most {least}, or add images"
        )
    return index


def match_classes(source: ImageSource, classes: Sequence[str], allow_missing: bool = False) -> dict[str, int]:
    """Return the index in `classes` of each class name of the source. Each class is matched exactly once.

    Names match if they are equal, or else if they differ only by case, by underscores or hyphens for spaces, or by
    their Unicode form. Labels that are all numbers, but not in class folders, may also count the classes from 0, in the
    order of `classes`. Other classes of the source are left out.

    Args:
        source: images with labels.
        classes: class names of the task.
        allow_missing: whether the source may lack classes; then only those that it has are matched.

    Raises:
        DataError: a class has no images, several names match a class, or numbers could be read in two ways.
    """
    names = [name for name, count in source.counts().items() if count]
    matched = _match_by_name(names, classes, source.location)
    numbered = _match_by_number(names, len(classes)) if _are_numbers(source) else {}
    if matched and len(numbered) < len(classes):
        numbered = {}  # positions that leave out classes fit worse than names
    if numbered and any(_is_number(name) for name in classes) and matched != numbered:
        example = next(name for name, index in numbered.items() if matched.get(name) != index)
        raise DataError(
            f"{source.location} has numbers as labels, and the task's classes are numbers, too: the label "
            f"{_quoted(example)} could be the class {_quoted(example)}, or the class at position {example}, which is "
            f"{_quoted(classes[numbered[example]])}; use other names in one of them"
        )
    matched = matched or numbered
    matched_indices = set(matched.values())
    missing = [name for index, name in enumerate(classes) if index not in matched_indices]
    if missing and not allow_missing:
        spare = [name for name in names if name not in matched]
        raise DataError(_mismatch_message(source.location, len(classes), missing, spare))
    return matched


def numbering_note(source: ImageSource, classes: Sequence[str] | None) -> str:
    """Return a sentence that says which number means which class, or an empty text if labels are names.

    Args:
        source: images with labels.
        classes: class names of the task; None if they are not known.

    Raises:
        DataError: the classes do not match.
    """
    if not _are_numbers(source):
        return ""
    start = f"{source.location}: every label is a number without a name"
    if classes is None:
        return f"{start}."
    index = match_classes(source, classes)
    if all(name == classes[label] for name, label in index.items()):
        return f"{start}, and these numbers are also the names of the task's classes."
    listed = [f"{name} = {classes[label]}" for name, label in sorted(index.items(), key=lambda item: item[1])]
    order = ", by alphabetical order of the task's classes" if list(classes) == sorted(classes) else ""
    order = order or ", by the order of the task's classes"
    return f"{start}: {_join_first(listed[:_MAX_LISTED], len(listed))}{order}."


def merge_spellings(counts: Mapping[str, int], order: Sequence[str]) -> dict[str, str]:
    """Return the name of the class for every other spelling of it.

    Names are spellings of one class if they differ only by case, by underscores or hyphens for spaces, or by their
    Unicode form. The most frequent spelling is the name. Names that the source itself lists as classes stay apart.
    """
    spellings: dict[str, list[str]] = defaultdict(list)
    listed = set(order)
    for name in counts:
        if name not in listed:
            spellings[normalised(name)].append(name)
    return {
        name: max(names, key=lambda name: (counts[name], name))
        for names in spellings.values()
        if len(names) > 1
        for name in names
    }


def spelling_notes(location: str, counts: Mapping[str, int], spellings: Mapping[str, str]) -> tuple[str, ...]:
    """Return one sentence for each class whose spellings were merged, with the images of each."""
    merged: dict[str, list[str]] = defaultdict(list)
    for name, into in sorted(spellings.items()):
        merged[into].append(f"{_quoted(name)} ({counts[name]})")
    sentences = [
        f"{location}: {' and '.join(names)} are read as one class, {_quoted(into)}." for into, names in merged.items()
    ]
    if len(sentences) > _MAX_LISTED:
        more = len(sentences) - _MAX_LISTED
        sentences[_MAX_LISTED:] = [f"{location}: {more} more classes have several spellings, which are merged."]
    return tuple(sentences)


def normalised(name: str) -> str:
    """Return the text by which two names are compared: without differences of case, separators and Unicode form."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").replace("-", " ").split())


def _are_numbers(source: ImageSource) -> bool:
    """Return whether all labels are numbers that stand for names. The name of a folder is a name."""
    counts = source.counts()
    return not source.labels_are_names and bool(counts) and all(map(_is_number, counts))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _match_by_name(names: Sequence[str], classes: Sequence[str], location: str) -> dict[str, int]:
    known = {name: index for index, name in enumerate(classes)}
    matched = {name: known[name] for name in names if name in known}
    wanted = Counter(normalised(name) for name in classes if name not in matched)
    spare = defaultdict(list)
    for name in names:
        if name not in matched:
            spare[normalised(name)].append(name)
    for name, index in known.items():
        near = spare.get(normalised(name), [])
        if name in matched or not near:
            continue
        if len(near) > 1 or wanted[normalised(name)] > 1:
            either = " or ".join(_quoted(candidate) for candidate in near)
            raise DataError(f"{location}: {either} could be the task's class {name!r}; use the class names of the task")
        matched[near[0]] = index
    return matched


def _match_by_number(names: Sequence[str], count: int) -> dict[str, int]:
    numbers = {name: int(name) for name in names if len(name) < 10}
    is_numbering = len(names) == len(numbers) == len(set(numbers.values())) and max(numbers.values(), default=0) < count
    return numbers if is_numbering else {}


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
