"""A task from images as they lie about: one set that is split here, or two; class folders, tar shards or Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.class_names import match_classes
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split, first_few, sound, too_few
from prettyuseful.tasks.groups import found_groups, listed_groups
from prettyuseful.tasks.splitting import SEED, dealt, held_out

HOLD_OUT = 0.2
"""Share of the real images that is tested on, unless said otherwise."""

_SPLIT_NAMES = frozenset({"train", "test", "val", "validation"})


@dataclass(frozen=True)
class Division:
    """What is trained on and what is tested on. `images`: of each class, by split, in the order of the classes.

    `groups`: how many of them the test images are in. `grouped_by`: who said so. `hold_out`: the share that was wanted
    for tests, None if the test images were given; `seed` drew them.
    """

    images: Mapping[Split, tuple[int, ...]]
    groups: int
    grouped_by: Literal["file", "near-duplicates"]
    hold_out: float | None
    seed: int | None

    @property
    def words(self) -> str:
        train, test = (sum(self.images[split]) for split in SPLITS)
        split = "given" if self.hold_out is None else f"{self.hold_out:.0%} by whole groups, seed {self.seed}"
        by = "near-duplicates" if self.grouped_by == "near-duplicates" else "a file"
        return f"{train} images to train on, {test} to test on ({split}) in {self.groups} groups (by {by})"


@dataclass(frozen=True)
class RealTask:
    """Real images at a place, and the share of them, by whole groups, that is held out for tests; or test images at
    another place.

    The classes are those of `real`. Images come in an order without pattern, dealt over groups, so that the first
    are of many groups. `groups`: a file with the group of every image of both places; without one, near-duplicates are
    a group.

    Raises:
        DataError: images or classes that cannot be used.
    """

    real: SampledSource
    test: SampledSource | None = None
    groups: Path | None = None
    hold_out: float = HOLD_OUT
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if set(self.real.counts()) <= _SPLIT_NAMES:
            raise DataError(
                f"{self.real.place} holds {' and '.join(sorted(self.real.counts()))}, no classes; name them apart: one "
                "as the real images to train on, the other as the test images"
            )
        if len(self.classes) < 2:
            raise DataError(f"{self.real.place} has {len(self.classes)} classes; a task needs at least two")
        if self.test is not None:
            known = match_classes(self.test, self.classes)
            if odd := sorted(set(self.test.counts()) - set(known)):
                raise DataError(
                    f"{self.test.place} and {self.real.place} differ in their classes: {first_few(odd)} (not in "
                    f"{self.real.place}); add images there, or remove the class"
                )

    @property
    def name(self) -> str:
        return Path(self.real.place).name or "real"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.real.class_names()

    @property
    def definitions(self) -> Mapping[str, str]:
        return {}

    @property
    def source(self) -> str:
        return f"{self.name}, {self.division.words}"

    def fingerprint(self) -> str:
        return self._fingerprint

    def available(self, split: Split) -> int:
        return min(self.division.images[split])

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few(self, split, per_class))
        source, groups = self._sources[split], self.grouped[split]
        label_of = {path: label for label, paths in enumerate(self._paths[split]) for path in paths[:per_class]}
        rows = (
            Row(data, sample.path, label_of[sample.path], groups[sample.path], place=sample.fields.get("place"))
            for sample, data in source.in_order([*label_of])
        )
        yield from sound(rows, source.place)

    @cached_property
    def division(self) -> Division:
        split = self.test is None
        tested = {self.grouped["test"][path] for paths in self._paths["test"] for path in paths}
        return Division(
            images={split: tuple(map(len, self._paths[split])) for split in SPLITS},
            groups=len(tested),
            grouped_by="file" if self.groups else "near-duplicates",
            hold_out=self.hold_out if split else None,
            seed=SEED if split else None,
        )

    @cached_property
    def grouped(self) -> Mapping[Split, Mapping[str, str]]:
        """The group of every image by its path, of the place that a split is taken from."""

        def groups_of(source: SampledSource) -> Mapping[str, str]:
            return listed_groups(source, self.groups) if self.groups else found_groups(source)

        of_real = groups_of(self.real)
        return {"train": of_real, "test": groups_of(self.test) if self.test else of_real}

    @property
    def _sources(self) -> Mapping[Split, SampledSource]:
        return {"train": self.real, "test": self.test or self.real}

    @cached_property
    def _paths(self) -> Mapping[Split, list[list[str]]]:
        """By split and class, the paths in their order."""
        found: dict[Split, list[list[str]]] = {}
        for split, source in self._sources.items():
            index = match_classes(source, self.classes)
            labels = {sample.path: index[sample.label] for sample in source.samples()}
            groups = self.grouped[split]
            if self.test is None:
                out = held_out([(label, groups[path]) for path, label in labels.items()], self.hold_out)
                labels = {path: n for path, n in labels.items() if (groups[path] in out) == (split == "test")}
            of_class: list[dict[str, str]] = [{} for _ in self.classes]
            for path, label in labels.items():
                of_class[label][path] = groups[path]
            found[split] = [dealt(paths) for paths in of_class]
        self._check_both(found)
        return found

    def _check_both(self, found: Mapping[Split, list[list[str]]]) -> None:
        """Every class has images to train on and to test on."""
        lacking = [name for name, paths in zip(self.classes, found["train"], strict=True) if not paths]
        if lacking:
            counts = Counter({name: self.real.counts()[name] for name in lacking})
            name, count = counts.most_common()[0]
            what = "one image" if count == 1 else f"{count} images in too few groups"
            raise DataError(
                f"{self.real.place}: class {name!r} has {what}, so none is left to train on once some are held out for "
                f"tests ({len(lacking)} of {len(self.classes)} classes); add images, or name test images of their own"
            )

    @cached_property
    def _fingerprint(self) -> str:
        places = [source.fingerprint() for source in (self.real, self.test) if source is not None]
        groups = [sorted(self.grouped[split].items()) for split in SPLITS]
        return digest(["real", 1, places, self.classes, groups, self.hold_out if self.test is None else None])
