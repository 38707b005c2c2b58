"""Which folders of a tree are the classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.data.sources.class_names import normalised
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.data.sources.walker import Folder

_MAX_LISTED = 5
_NUMBERED = re.compile(r"[\d\W_]+")
FOLDERS_OF_IMAGES = frozenset(
    ["images", "image", "img", "imgs", "photos", "pictures", "frames", "crops", "data", "files"]
)
"""Names of folders that hold images and are no classes, in lower case."""


@dataclass(frozen=True)
class ClassFolders:
    """The class folders of a place. `folders`: by class name. `notes`: how they were chosen, and what is left out."""

    folders: Mapping[str, Folder]
    notes: tuple[str, ...] = ()


def find_classes(top: Folder, location: str) -> ClassFolders:
    """Find the class folders of a tree.

    The folders directly in `top` are the classes, as in torchvision's ImageFolder, and images at any depth below belong
    to them. In a tree of superclasses, the folders that hold the images are the classes. A tree is one if no folder
    directly in `top` holds images itself, each holds at least two folders, and most of these are under one superclass
    only, with names that are not just numbered (as `session1` and `session2` are).

    Folders that only wrap other folders are entered.
    """
    wrappers = []
    while _only_wraps(top):
        top = top.filled_folders()[0]
        wrappers.append(top.path)
    first = top.filled_folders()
    notes = []
    if wrappers and first:
        notes.append(f"{location}: the classes are the folders in '{printable(wrappers[-1])}'.")
    if leaves := _leaves_of_superclasses(first):
        names = _leaf_names(leaves)
        notes.append(
            f"{location}: {len(first)} folders hold only folders of images, so these {len(names)} are the classes: "
            f"{_join([*names])}."
        )
        found = names
    else:
        found = {folder.name: folder for folder in first}
        deeper = [folder.name for folder in first if any(child.is_filled for child in folder.folders.values())]
        if deeper:
            notes.append(
                f"{location}: the class folders {_join(deeper)} hold folders, whose images belong to the class."
            )
    empty = [child.name for _, child in sorted(top.folders.items()) if not child.is_filled]
    if empty:
        notes.append(f"{location}: folders without images are left out: {_join(empty)}.")
    if top.images and found:
        notes.append(f"{location}: images beside the class folders are left out: {_join(top.images)}.")
    return ClassFolders(found, tuple(notes))


def has_class_folders(top: Folder) -> bool:
    """Return whether a tree has several class folders, so that no table is needed to name the classes."""
    while _only_wraps(top):
        top = top.filled_folders()[0]
    folders = top.filled_folders()
    return len(folders) > 1 and len({_stem(folder.name) for folder in folders}) > 1


def _only_wraps(top: Folder) -> bool:
    children = top.filled_folders()
    return len(children) == 1 and not (top.images or top.problems) and not children[0].images and _is_deep(children[0])


def _is_deep(folder: Folder) -> bool:
    return bool(folder.filled_folders())


def _leaves_of_superclasses(first: Sequence[Folder]) -> list[Folder]:
    """Return the folders that hold the images if `first` are superclasses, or else an empty list."""
    if len(first) < 2 or any(folder.images or len(folder.filled_folders()) < 2 for folder in first):
        return []
    leaves = [folder for top in first for folder in top.walk() if folder.images or folder.problems]
    if any(child.is_filled for leaf in leaves for child in leaf.folders.values()):
        return []
    over = Counter(normalised(leaf.name) for leaf in leaves)
    shared = sum(count for count in over.values() if count > 1)
    stems = Counter(_stem(leaf.name) for leaf in leaves)
    numbered = sum(count for stem, count in stems.items() if count > 1 or not stem or stem in FOLDERS_OF_IMAGES)
    return [] if 2 * max(shared, numbered) > len(leaves) else leaves


def _leaf_names(leaves: Sequence[Folder]) -> dict[str, Folder]:
    """Return the leaf folders by name; folders with equal names get that of the folder above in front."""
    over = Counter(normalised(leaf.name) for leaf in leaves)
    named = {leaf.name: leaf for leaf in leaves if over[normalised(leaf.name)] == 1}
    for leaf in leaves:
        if over[normalised(leaf.name)] > 1:
            named["/".join(leaf.path.split("/")[-2:])] = leaf
    return dict(sorted(named.items()))


def _stem(name: str) -> str:
    """Return a name without digits and punctuation: equal for `part_1` and `part_2`."""
    return _NUMBERED.sub("", name).casefold()


def _join(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(f"'{printable(name)}'" for name in names[:_MAX_LISTED]) + more
