"""ImageNet tasks: class lists, names and glosses here; the images are the user's, a folder of synsets or `datasets`.

Names and glosses are WordNet's, from the tables that timm carries. They are read as files: importing timm loads torch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from prettyuseful.data.dataset import Row
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split, Task, first_few, sound, too_few
from prettyuseful.tasks.folder import visible_files
from prettyuseful.tasks.huggingface import HubData, HubTask

LICENCE = "ImageNet's terms of access: non-commercial research and education; the photographs are their owners'"
# ImageNet calls its labelled test images `val`; its own `test` has no labels.
_FOLDERS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("val", "test")}

# timm's tables hold the synsets of ImageNet-21k only, where these names have one sense each. English has more:
# nail is of a finger too, a drumstick of a chicken, a gondola of a cableway.
_AMBIGUOUS = (
    "nail drumstick gondola kite admiral boxer jaguar Newfoundland hip ear notebook nipple suit swing switch slot "
    "upright quill rule stole clog tick vacuum"
)


@dataclass(frozen=True)
class ClassList:
    """Synsets in the order of their labels, with names and glosses from WordNet."""

    name: str
    synsets: tuple[str, ...]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """One name per synset, none twice, whatever their case: its first lemma.

        Where two synsets of the list share that (crane the bird, crane the machine), it names neither: each takes its
        next lemma, or the shared one with the head of its gloss, as in `crane (large long-necked wading bird)`.
        """
        first = Counter(lemmas()[synset][0].casefold() for synset in self.synsets)

        def name(synset: str) -> str:
            lemma, *others = lemmas()[synset]
            if first[lemma.casefold()] == 1:
                return lemma
            free = (other for other in others if other.casefold() not in first)
            head = re.split(r"[;,]| of | that | for ", glosses()[synset])[0]
            return next(free, f"{lemma} ({head})")

        return tuple(map(name, self.synsets))

    @cached_property
    def definitions(self) -> dict[str, str]:
        """The gloss up to its first semicolon, of every name that is also a lemma of another synset, or known as such.

        All of timm's synsets count, not only those of the list.
        """
        meanings, known = _meanings(), set(_AMBIGUOUS.split())
        return {
            name: re.sub(r"^\([^)]*\) ", "", glosses()[synset].split(";")[0])
            for name, synset in zip(self.classes, self.synsets, strict=True)
            if meanings[name.casefold()] > 1 or name in known
        }


@cache
def class_list(name: str) -> ClassList:
    """`imagenet-1k`, or `imagenet-200`: those 200 that Tiny ImageNet selected and the paper uses."""
    if name == "imagenet-1k":
        return ClassList(name, tuple(_timm("imagenet_synsets.txt")))
    return ClassList(name, tuple(files(__package__).joinpath("imagenet_200.txt").read_text("utf-8").split()))


@cache
def lemmas() -> Mapping[str, Sequence[str]]:
    """The words for each of ImageNet-21k's synsets, the commonest first."""
    return {synset: words.split(", ") for synset, words in _pairs("imagenet_synset_to_lemma.txt")}


@cache
def glosses() -> Mapping[str, str]:
    """What each of ImageNet-21k's synsets means."""
    return dict(_pairs("imagenet_synset_to_definition.txt"))


@dataclass(frozen=True)
class ImageNetFolder:
    """ImageNet as a tree with one folder per class, named by its synset: `train/n01443537` and `val/n01443537`.

    Classes of other lists may lie there too. The fingerprint is made of paths, sizes and times of change: to read more
    than a million files would take minutes at every plan. A copy that does not keep the times is another task.

    Raises:
        DataError: a split is missing, or has no images of some class.
    """

    root: Path
    listed: ClassList

    def __post_init__(self) -> None:
        for split in SPLITS:
            lacking = [
                synset for synset, kept in zip(self.listed.synsets, self._kept[split], strict=True) if not kept.paths
            ]
            if lacking:
                raise DataError(
                    f"{self._folder(split)} has no images of {len(lacking)} of the {len(self.classes)} classes of "
                    f"{self.name}: {first_few(lacking)}; every class needs a folder named by its synset"
                )

    @property
    def name(self) -> str:
        return self.listed.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.listed.classes

    @property
    def definitions(self) -> Mapping[str, str]:
        return self.listed.definitions

    @property
    def licence(self) -> str:
        return LICENCE

    @property
    def source(self) -> str:
        return f"ImageNet, {len(self.classes)} classes, folder {self.root.name}"

    def fingerprint(self) -> str:
        return digest([self.classes, [[kept.stamp for kept in self._kept[split]] for split in SPLITS]])

    def available(self, split: Split) -> int:
        return min(len(kept.paths) for kept in self._kept[split])

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few(self, split, per_class))
        yield from sound(self._rows(split, per_class), str(self.root))

    def _rows(self, split: Split, per_class: int) -> Iterator[Row]:
        for label, kept in enumerate(self._kept[split]):
            for path in kept.paths[:per_class]:
                yield Row((self.root / path).read_bytes(), path, label, group=path)

    @cached_property
    def _kept(self) -> dict[Split, list[_Kept]]:
        """Per split the files of every class, in the order of the labels."""
        return {
            split: [_keep(self.root, f"{self._folder(split).name}/{synset}") for synset in self.listed.synsets]
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


class _Kept(NamedTuple):
    """A class's files in order, and the digest of their paths, sizes and times of change."""

    paths: list[str]
    stamp: str


def _keep(root: Path, folder: str) -> _Kept:
    found = list(visible_files(root, folder)) if (root / folder).is_dir() else []
    return _Kept([file.path for file in found], digest(found))


def imagenet_200(images: Path | HubData) -> Task:
    """The 200 classes that Tiny ImageNet selected and the paper uses, in full resolution."""
    return _task("imagenet-200", images)


def imagenet_1k(images: Path | HubData) -> Task:
    """The 1,000 classes of ILSVRC 2012."""
    return _task("imagenet-1k", images)


def _task(name: str, images: Path | HubData) -> Task:
    listed = class_list(name)
    if isinstance(images, Path):
        return ImageNetFolder(images, listed)
    numbers = {synset: number for number, synset in enumerate(synsets_of(images))}
    lacking = [synset for synset in listed.synsets if synset not in numbers]
    if lacking:
        raise DataError(f"{images.title} lacks {len(lacking)} classes of {name}: {first_few(lacking)}")
    return HubTask(
        data=images,
        name=name,
        classes=listed.classes,
        numbers=tuple(numbers[synset] for synset in listed.synsets),
        licence=LICENCE,
        definitions=listed.definitions,
    )


def synsets_of(data: HubData) -> tuple[str, ...]:
    """The synset of each label: the labels' names say it, or they are ImageNet's 1,000 classes in the usual order.

    Raises:
        DataError: neither.
    """
    found = [re.match(r"n\d{8}\b", name) for name in data.names]
    if all(found):
        return tuple(match[0] for match in found if match)
    usual = class_list("imagenet-1k").synsets
    if len(data.names) == len(usual):
        # Names vary from copy to copy, so half of them must agree: the same names in another order would not.
        agreeing = sum(str(i) == name or _names_it(name, usual[i]) for i, name in enumerate(data.names))
        if 2 * agreeing >= len(usual):
            return usual
    raise DataError(
        f"cannot tell which of ImageNet's classes the {len(data.names)} labels of {data.title} are ({data.names[0]}, "
        "...); name them by their synsets, such as n01443537, or give all 1,000 in the usual order"
    )


def _names_it(name: str, synset: str) -> bool:
    words = {word.casefold() for word in lemmas()[synset]}
    return not words.isdisjoint(word.strip().casefold() for word in name.split(","))


@cache
def _meanings() -> Counter[str]:
    """In how many synsets a lemma is found, whatever its case."""
    return Counter(lemma for words in lemmas().values() for lemma in {word.casefold() for word in words})


def _pairs(name: str) -> Iterator[tuple[str, str]]:
    for line in _timm(name):
        synset, _, text = line.partition("\t")
        yield synset, text


def _timm(name: str) -> list[str]:
    """The lines of one of timm's tables."""
    spec = find_spec("timm")
    for package in (spec and spec.submodule_search_locations) or ():
        table = Path(package) / "data" / "_info" / name
        if table.is_file():
            return table.read_text("utf-8").splitlines()
    raise DataError(f"the installed timm has no table {name}; install the timm version named in constraints.txt")
