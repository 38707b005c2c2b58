"""A task from real images in class folders, tar shards or Parquet files. Without test images, it holds some out."""

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
from prettyuseful.tasks.base import SPLITS, Split, summarise_names, too_few_message, validated_rows
from prettyuseful.tasks.groups import groups_from_file, near_duplicate_groups
from prettyuseful.tasks.splitting import SPLIT_SEED, held_out_groups, interleave_groups

HOLD_OUT = 0.2
"""Default share of the real images that are held out for tests."""

_SPLIT_NAMES = frozenset({"train", "test", "val", "validation"})


@dataclass(frozen=True)
class SplitSummary:
    """Numbers of training and test images.

    `images`: images per class, by split, in the order of the classes. `groups`: number of groups of the test images.
    `grouped_by`: source of the groups. `hold_out`: wanted share of test images, and `seed`: seed of the split; both are
    None if the user gave test images.
    """

    images: Mapping[Split, tuple[int, ...]]
    groups: int
    grouped_by: Literal["file", "near-duplicates"]
    hold_out: float | None
    seed: int | None

    @property
    def description(self) -> str:
        train, test = (sum(self.images[split]) for split in SPLITS)
        split = "given" if self.hold_out is None else f"{self.hold_out:.0%} held out by whole groups, seed {self.seed}"
        source = "near-duplicates" if self.grouped_by == "near-duplicates" else "the groups file"
        return f"{train} training images, {test} test images ({split}) in {self.groups} groups (from {source})"


@dataclass(frozen=True)
class RealTask:
    """Real images, of which whole groups are held out for tests unless test images are given.

    The classes are those of `real`. Images come in a pseudo-random order that alternates between groups, so that the
    first images come from many groups.

    `real`: images to train on. `test`: images to test on; None holds out a share of `real`. `groups`: file with the
    group of every image; None puts near-duplicates into one group. `hold_out`: share of `real` to test on.

    Raises:
        DataError: the images or classes cannot be used.
    """

    real: SampledSource
    test: SampledSource | None = None
    groups: Path | None = None
    hold_out: float = HOLD_OUT
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if set(self.real.counts()) <= _SPLIT_NAMES:
            raise DataError(
                f"{self.real.location} holds {' and '.join(sorted(self.real.counts()))}, not classes; "
                "give them separately: one as the real images to train on, the other as the test images"
            )
        if len(self.classes) < 2:
            raise DataError(f"a task needs at least 2 classes; {self.real.location} has {len(self.classes)}")
        if self.test is not None:
            known = match_classes(self.test, self.classes)
            if unmatched := sorted(set(self.test.counts()) - set(known)):
                raise DataError(
                    f"{self.test.location} has classes that {self.real.location} lacks: {summarise_names(unmatched)}; "
                    f"add images to {self.real.location}, or remove the classes"
                )

    @property
    def name(self) -> str:
        return Path(self.real.location).name or "real"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.real.class_names()

    @property
    def definitions(self) -> Mapping[str, str]:
        return {}

    @property
    def source(self) -> str:
        return f"{self.name}, {self.split_summary.description}"

    def fingerprint(self) -> str:
        return self._fingerprint

    def available(self, split: Split) -> int:
        return min(self.split_summary.images[split])

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few_message(self, split, per_class))
        source, groups = self._sources[split], self.groups_by_split[split]
        label_of = {
            path: label for label, paths in enumerate(self._paths_by_split[split]) for path in paths[:per_class]
        }
        rows = (
            Row(data, sample.path, label_of[sample.path], groups[sample.path], place=sample.fields.get("place"))
            for sample, data in source.read_in_order([*label_of])
        )
        yield from validated_rows(rows, source.location)

    @cached_property
    def split_summary(self) -> SplitSummary:
        split = self.test is None
        test_groups = {self.groups_by_split["test"][path] for paths in self._paths_by_split["test"] for path in paths}
        return SplitSummary(
            images={split: tuple(map(len, self._paths_by_split[split])) for split in SPLITS},
            groups=len(test_groups),
            grouped_by="file" if self.groups else "near-duplicates",
            hold_out=self.hold_out if split else None,
            seed=SPLIT_SEED if split else None,
        )

    @cached_property
    def groups_by_split(self) -> Mapping[Split, Mapping[str, str]]:
        """For each split, the group of every image of its source, by path."""

        def groups_of(source: SampledSource) -> Mapping[str, str]:
            return groups_from_file(source, self.groups) if self.groups else near_duplicate_groups(source)

        real_groups = groups_of(self.real)
        return {"train": real_groups, "test": groups_of(self.test) if self.test else real_groups}

    @property
    def _sources(self) -> Mapping[Split, SampledSource]:
        return {"train": self.real, "test": self.test or self.real}

    @cached_property
    def _paths_by_split(self) -> Mapping[Split, list[list[str]]]:
        """For each split and class, the paths of its images in order."""
        result: dict[Split, list[list[str]]] = {}
        for split, source in self._sources.items():
            index = match_classes(source, self.classes)
            labels = {sample.path: index[sample.label] for sample in source.samples()}
            groups = self.groups_by_split[split]
            if self.test is None:
                test_groups = held_out_groups([(label, groups[path]) for path, label in labels.items()], self.hold_out)
                labels = {path: n for path, n in labels.items() if (groups[path] in test_groups) == (split == "test")}
            groups_of_class: list[dict[str, str]] = [{} for _ in self.classes]
            for path, label in labels.items():
                groups_of_class[label][path] = groups[path]
            result[split] = [interleave_groups(paths) for paths in groups_of_class]
        self._check_training_images(result)
        return result

    def _check_training_images(self, paths_by_split: Mapping[Split, list[list[str]]]) -> None:
        """Raise a DataError if a class has no training images left."""
        missing = [name for name, paths in zip(self.classes, paths_by_split["train"], strict=True) if not paths]
        if missing:
            counts = Counter({name: self.real.counts()[name] for name in missing})
            name, count = counts.most_common()[0]
            amount = "one image" if count == 1 else f"{count} images in too few groups"
            raise DataError(
                f"{self.real.location}: class {name!r} has {amount}, so no training image is left after holding out "
                f"test images ({len(missing)} of {len(self.classes)} classes); add images, or give separate test images"
            )

    @cached_property
    def _fingerprint(self) -> str:
        sources = [source.fingerprint() for source in (self.real, self.test) if source is not None]
        groups = [sorted(self.groups_by_split[split].items()) for split in SPLITS]
        return digest(["real", 1, sources, self.classes, groups, self.hold_out if self.test is None else None])
