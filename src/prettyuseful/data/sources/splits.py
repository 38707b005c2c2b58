"""Find the splits of a place: folders and files whose names say that they hold training or test images."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.data.sources.walker import Folder, count_images
from prettyuseful.errors import DataError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""The names of each split, as in Hugging Face's datasets. Upper and lower case are equal."""

_SPLIT_OF = {name: split for split, names in _NAMES.items() for name in names}
_WORDS = re.compile(r"[-._ /\\]+|(?<=[^\W\d_])(?=\d)")
_MAX_LISTED = 5


def split_of(name: str) -> str | None:
    """Return `train`, `val` or `test` if `name` is a name of this split, or else None."""
    return _SPLIT_OF.get(name.lower())


def split_in(name: str) -> str | None:
    """Return the split that a longer name such as `train-00000-of-00001.parquet` or `seg_train` contains, or None.

    Words are separated by hyphens, dots, underscores, spaces and slashes, and end before digits.
    """
    splits = {split for word in _WORDS.split(name) if (split := split_of(word))}
    return splits.pop() if len(splits) == 1 else None


@dataclass(frozen=True)
class Splits:
    """The splits of a place, by their names as they are written; or the place as a whole if it has none.

    `whole`: what holds the images if there are no splits. `parts`: what holds the images of each split. `tables`:
    paths of the tables above the splits. `left_out`: folders and files beside the splits.
    """

    whole: Folder
    parts: Mapping[str, Folder] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def find_splits(top: Folder, location: str) -> Splits:
    """Find the splits of a place.

    Folders that only wrap other folders are entered, such as `data/` of `data/train/<class>`.

    Raises:
        DataError: names could mean splits or classes.
    """
    tables: list[str] = []
    while True:
        tables += [top.join(name) for name in top.tables]
        children = top.filled_folders()
        found = _split_folders(top, children, location) or _split_shards(top, children) or _splits_in_classes(top)
        if found:
            return Splits(top, found[0], tuple(tables), found[1])
        inner = _wrapped(top, children)
        if inner is None:
            return Splits(top, tables=tuple(tables))
        top = inner


def choose_split(names: Collection[str], split: str, location: str) -> str:
    """Return the name of the split to read, as it is written.

    Args:
        names: the splits of a place.
        split: name as it is written, or else `train`, `val` or `test`.
        location: the place, for error messages.

    Raises:
        DataError: no split has this name, or several have.
    """
    exact = [name for name in names if name == split] or [name for name in names if name.lower() == split.lower()]
    fitting = exact or [name for name in names if canonical_split(name) == (split_of(split) or split)]
    listed = " and ".join(f"'{printable(name)}'" for name in (fitting or names))
    if len(fitting) > 1:
        raise DataError(f"{location} has {listed}, which are both {split} images; give one of these folders")
    if not fitting:
        raise DataError(f"{location} has no {printable(split)} images; its splits are {listed}")
    return fitting[0]


def canonical_split(name: str) -> str | None:
    """Return `train`, `val` or `test` for the name of a split as it is written, such as `seg_train` or `Valid`."""
    return split_of(name) or split_in(name)


_Found = tuple[dict[str, Folder], tuple[str, ...]]


def _wrapped(top: Folder, children: Sequence[Folder]) -> Folder | None:
    """Return the folder that holds everything, and whose own folders may be classes or splits; None if there is none.

    That is the only folder, or the folder `data` of a clone from the hub, beside which are pictures of its README.
    """
    if top.images or top.shards or top.problems:
        return None
    with_shards = [child for child in children if not child.below and child.is_filled]
    if len(children) > 1 and [child.name for child in with_shards] == ["data"]:
        return with_shards[0]
    return children[0] if len(children) == 1 and not children[0].images else None


def _split_folders(top: Folder, children: Sequence[Folder], location: str) -> _Found | None:
    exact = [child for child in children if split_of(child.name)]
    kinds = {split_of(child.name) for child in exact}
    if exact and (len(exact) == len(children) or len(kinds) > 1):
        others = tuple(child.name for child in children if child not in exact)
        return {child.name: child for child in exact}, others
    if exact:
        _check_class(top, exact[0], [child for child in children if child not in exact], location)
        return None
    longer = {child.name: split for child in children if (split := split_in(child.name))}
    if len(longer) == len(children) and len({*longer.values()}) > 1:
        return {child.name: child for child in children}, ()
    return None


def _check_class(top: Folder, named: Folder, others: Sequence[Folder], location: str) -> None:
    """Check that a folder named like a split, beside other folders, is a class as they are.

    Raises:
        DataError: it could also be a split.
    """
    if any(child.folders for child in (named, *others) if child.is_filled and not child.images):
        beside = ", ".join(f"'{printable(child.name)}'" for child in others[:_MAX_LISTED])
        raise DataError(
            f"{location}: the folder '{printable(named.name)}' could be a split or a class, beside {beside}; give "
            f"{printable(top.join(named.name))} itself to read it as a split, or rename it if it is a class"
        )


def _split_shards(top: Folder, children: Sequence[Folder]) -> _Found | None:
    """Return the shards of each split, where the names of files say it."""
    parts: dict[str, Folder] = {}
    others: list[str] = []
    for name in top.shards:
        if split := split_in(name):
            written = next(word for word in _WORDS.split(name) if split_of(word) == split)
            parts.setdefault(written, Folder(top.path, skipped=top.skipped, marks=top.marks)).shards.append(name)
        else:
            others.append(name)
    if not parts or (len(parts) == 1 and others):
        return None
    return parts, (*others, *(child.name for child in children))


def _splits_in_classes(top: Folder) -> _Found | None:
    """Return the images of each split of a place with a folder of each split in every class folder."""
    children = top.filled_folders()
    inner = {child.name: child.filled_folders() for child in children if not child.images}
    names = {folder.name for folders in inner.values() for folder in folders}
    if len(children) < 2 or len(inner) < len(children) or not names or not all(map(split_of, names)):
        return None
    if len({split_of(name) for name in names}) < 2:
        return None
    parts: dict[str, Folder] = {}
    for name in sorted(names):
        part = parts[name] = Folder(top.path, marks=top.marks)
        for class_name, folders in inner.items():
            for folder in folders:
                if folder.name == name:
                    part.folders[class_name] = replace(folder, alias=class_name)
        count_images(part)
    return parts, ()
