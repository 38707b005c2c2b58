"""ImageNet tasks: class lists, class names and definitions. The user provides the images, in folders or `datasets`.

Names and glosses (definitions) come from WordNet; see `data.wordnet`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.drawing import DRAW_SEED
from prettyuseful.data.sources.file_kinds import skipped_note
from prettyuseful.data.sources.safe_reading import catch_os_errors, printable, read_file
from prettyuseful.data.sources.walker import walk
from prettyuseful.data.wordnet import glosses, lemmas, synset_names, synsets_per_lemma, timm_lines
from prettyuseful.engine.keys import derive_seed, digest
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split, check_available, summarise_names, validated_rows
from prettyuseful.tasks.huggingface import HubData, HubTask

LICENCE = "ImageNet's terms of access: non-commercial research and education; the photographs are their owners'"
# ImageNet calls its labelled test images `val`; its own `test` has no labels.
_FOLDERS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("val", "test")}

# These names have one sense in timm's tables, which cover ImageNet-21k only, but more in English: a nail is also part
# of a finger, and a drumstick part of a chicken.
_AMBIGUOUS = (
    "nail drumstick gondola kite admiral boxer jaguar Newfoundland hip ear notebook nipple suit swing switch slot "
    "upright quill rule stole clog tick vacuum"
)


@dataclass(frozen=True)
class ClassList:
    """Synsets in the order of their labels, with class names and definitions from WordNet."""

    name: str
    synsets: tuple[str, ...]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """A unique name for each synset; see `synset_names`."""
        return synset_names(self.synsets)

    @cached_property
    def definitions(self) -> dict[str, str]:
        """The gloss, up to its first semicolon, of each ambiguous class name.

        A name is ambiguous if it is also a lemma of another synset in timm's tables, or is listed in `_AMBIGUOUS`.
        """
        meanings, known = synsets_per_lemma(), set(_AMBIGUOUS.split())
        return {
            name: re.sub(r"^\([^)]*\) ", "", glosses()[synset].split(";")[0])
            for name, synset in zip(self.classes, self.synsets, strict=True)
            if meanings[name.casefold()] > 1 or name in known
        }


@cache
def load_class_list(name: str) -> ClassList:
    """Return the classes of `imagenet-1k`, or of `imagenet-200`: the 200 classes of Tiny ImageNet, as in the paper."""
    if name == "imagenet-1k":
        return ClassList(name, tuple(timm_lines("imagenet_synsets.txt")))
    return ClassList(name, tuple(resources.files(__package__).joinpath("imagenet_200.txt").read_text("utf-8").split()))


@dataclass(frozen=True)
class ImageNetFolder:
    """ImageNet in a folder, with one folder per class named by its synset: `train/n01443537` and `val/n01443537`.

    Folders of other classes are ignored. The images of a class are drawn by a hash of their names, which all copies of
    ImageNet share, and the fingerprint uses paths, sizes and modification times, because reading more than a million
    files would take minutes for every plan. So a copy with other modification times is another task.

    Raises:
        DataError: a split is missing, or has no images of a class.
    """

    root: Path
    class_list: ClassList

    def __post_init__(self) -> None:
        for split in SPLITS:
            missing = [
                synset
                for synset, files in zip(self.class_list.synsets, self._class_files[split], strict=True)
                if not files.paths
            ]
            if missing:
                raise DataError(
                    f"{self._folder(split)} has no images of {len(missing)} of the {len(self.classes)} classes of "
                    f"{self.name}: {summarise_names(missing)}; add a folder for every class, named by its synset"
                )

    @property
    def name(self) -> str:
        return self.class_list.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.class_list.classes

    @property
    def definitions(self) -> Mapping[str, str]:
        return self.class_list.definitions

    @property
    def licence(self) -> str:
        return LICENCE

    @property
    def source(self) -> str:
        return f"ImageNet, {len(self.classes)} classes, folder {self.root.name}"

    def fingerprint(self) -> str:
        return digest([self.classes, [[files.fingerprint for files in self._class_files[split]] for split in SPLITS]])

    @cached_property
    def notes(self) -> tuple[str, ...]:
        notes = (
            skipped_note(
                printable(self._folder(split)), sum((files.skipped for files in self._class_files[split]), Counter())
            )
            for split in SPLITS
        )
        return tuple(note for note in notes if note)

    def counts(self, split: Split) -> tuple[int, ...]:
        return tuple(len(files.paths) for files in self._class_files[split])

    def images(self, split: Split, per_class: ClassCounts | int) -> Iterator[Row]:
        per_class = check_available(self, split, per_class)
        yield from validated_rows(self._rows(split, per_class), str(self.root))

    def _rows(self, split: Split, per_class: ClassCounts) -> Iterator[Row]:
        for label, files in enumerate(self._class_files[split]):
            for path in files.paths[: per_class[label]]:
                yield Row(read_file(self.root / path), path, label, group=path)

    @cached_property
    def _class_files(self) -> dict[Split, list[_ClassFiles]]:
        """For each split, the files of every class, in the order of the labels."""
        return {
            split: [
                _list_class_files(self.root, f"{self._folder(split).name}/{synset}")
                for synset in self.class_list.synsets
            ]
            for split in SPLITS
        }

    def _folder(self, split: Split) -> Path:
        names = _FOLDERS[split]
        for name in names:
            if (self.root / name).is_dir():
                return self.root / name
        raise DataError(
            f"ImageNet folder {self.root} has no folder {' or '.join(map(repr, names))}; "
            f"expected {names[0]}/<synset>/<images>, such as {names[0]}/n01443537"
        )


class _ClassFiles(NamedTuple):
    """The images of a class in the order of the draw, the digest of their paths, sizes and modification times, and the
    number of files that are no images, by kind."""

    paths: list[str]
    fingerprint: str
    skipped: Counter[str]


def _list_class_files(root: Path, folder: str) -> _ClassFiles:
    if not (root / folder).is_dir():
        return _ClassFiles([], digest([]), Counter())
    top = walk(root / folder)
    if problems := [problem for part in top.walk() for problem in part.problems]:
        raise DataError(summarise_names(problems, "; "))
    names = sorted(top.image_paths())
    with catch_os_errors(printable(root / folder)):
        statuses = [(root / folder / name).stat() for name in names]
    files = [(f"{folder}/{n}", s.st_size, s.st_mtime_ns) for n, s in zip(names, statuses, strict=True)]
    order = sorted(names, key=lambda name: (derive_seed("draw", DRAW_SEED, name), name))
    return _ClassFiles([f"{folder}/{name}" for name in order], digest(files), top.all_skipped())


def imagenet_200(images: Path | HubData) -> ImageNetFolder | HubTask:
    """Return the task of the 200 classes of Tiny ImageNet, in full resolution, as in the paper."""
    return _make_task("imagenet-200", images)


def imagenet_1k(images: Path | HubData) -> ImageNetFolder | HubTask:
    """Return the task of the 1,000 classes of ILSVRC 2012."""
    return _make_task("imagenet-1k", images)


def _make_task(name: str, images: Path | HubData) -> ImageNetFolder | HubTask:
    class_list = load_class_list(name)
    if isinstance(images, Path):
        return ImageNetFolder(images, class_list)
    numbers = {synset: number for number, synset in enumerate(label_synsets(images))}
    missing = [synset for synset in class_list.synsets if synset not in numbers]
    if missing:
        raise DataError(
            f"{images.title} lacks {len(missing)} of the {len(class_list.synsets)} classes of {name}: "
            f"{summarise_names(missing)}; use a data set with all of them"
        )
    return HubTask(
        data=images,
        name=name,
        classes=class_list.classes,
        numbers=tuple(numbers[synset] for synset in class_list.synsets),
        licence=LICENCE,
        definitions=class_list.definitions,
    )


def label_synsets(data: HubData) -> tuple[str, ...]:
    """Return the synset of each label of a data set.

    The names of the labels begin with the synsets, or the labels are ImageNet's 1,000 classes in the usual order.

    Raises:
        DataError: neither is the case.
    """
    matches = [re.match(r"n\d{8}\b", name) for name in data.label_names]
    if all(matches):
        return tuple(match[0] for match in matches if match)
    usual = load_class_list("imagenet-1k").synsets
    if len(data.label_names) == len(usual):
        # Copies of ImageNet differ in some names. With half of them in place, the order must be the usual one.
        agreeing = sum(str(i) == name or _matches_synset(name, usual[i]) for i, name in enumerate(data.label_names))
        if 2 * agreeing >= len(usual):
            return usual
    raise DataError(
        f"cannot match the {len(data.label_names)} labels of {data.title} ({data.label_names[0]}, ...) to ImageNet's "
        "classes; name them by their synsets, such as n01443537, or provide all 1,000 classes in the usual order"
    )


def _matches_synset(name: str, synset: str) -> bool:
    words = {word.casefold() for word in lemmas()[synset]}
    return not words.isdisjoint(word.strip().casefold() for word in name.split(","))


def imagenet_indices(classes: Sequence[str], purpose: str) -> tuple[tuple[int, ...], ...]:
    """Return, for each class of a task, the classes of ImageNet-1k that its name stands for, as indices from 0.

    A name is a WordNet id, a class name of `load_class_list`, or a word of WordNet for one or several of the 1,000
    classes, whatever its case and whether words are joined by blanks, `_` or `-`. WordNet's hierarchy is not used:
    "dog" is no class of ImageNet.

    `purpose`: what needs them, for the error.

    Raises:
        DataError: a class of the task is not among those of ImageNet.
    """
    listed = load_class_list("imagenet-1k")
    by_word: dict[str, set[int]] = {}
    for index, synset in enumerate(listed.synsets):
        for word in (synset, *lemmas()[synset]):
            by_word.setdefault(_plain(word), set()).add(index)
    by_word |= {_plain(name): {index} for index, name in enumerate(listed.classes)}
    found = [by_word.get(_plain(name), set()) for name in classes]
    missing = [name for name, indices in zip(classes, found, strict=True) if not indices]
    if missing:
        raise DataError(
            f"{purpose} needs classes of ImageNet-1k, and {len(missing)} of the {len(classes)} classes of the task are "
            f"none: {summarise_names(missing)}; name classes by their WordNet ids in task.classes, or remove {purpose}"
        )
    return tuple(tuple(sorted(indices)) for indices in found)


def _plain(name: str) -> str:
    """Return a name in small letters whose words are joined by blanks."""
    return " ".join(re.split(r"[\s_-]+", name.casefold().strip()))
