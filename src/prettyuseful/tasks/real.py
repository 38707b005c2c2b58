"""A task from real images in class folders, tar shards or Parquet files. Without test images, it holds some out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.class_names import match_classes
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.groups import near_duplicate_groups, source_groups
from prettyuseful.tasks.groups_file import GroupsFile, read_groups
from prettyuseful.tasks.sampled import SampledTask
from prettyuseful.tasks.splitting import SPLIT_SEED, held_out_groups, limited_groups

HOLD_OUT = 0.2
"""Default share of the real images that are held out for tests."""


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
class RealTask(SampledTask):
    """Real images, of which whole groups are held out for tests unless test images are given.

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
    choice: ClassChoice = field(default_factory=ClassChoice)
    test_images: int | None = None

    def __post_init__(self) -> None:
        self.check_classes()

    @property
    def name(self) -> str:
        return Path(self.real.location).name or "real"

    @property
    def source(self) -> str:
        return f"{self.name}, {self.split_summary.description}"

    @property
    def original_sources(self) -> Mapping[Split, SampledSource]:
        return {"train": self.real, "test": self.test or self.real}

    @property
    def further_notes(self) -> tuple[str, ...]:
        notes = self._groups_file.notes(list(self.original_sources.values())) if self._groups_file else ()
        source, used = self.sources["test"], sum(self.counts("test"))
        held_out = self.test is None or self._groups_file is not None
        of_class, index = source.counts(), match_classes(source, self.classes)
        available = sum(map(len, self._all_test_paths)) if held_out else sum(of_class[name] for name in index)
        if used < available:
            notes = (
                *notes,
                f"{used:,} of the {available:,} real test images are used, about equally many of each class in whole "
                "groups, drawn with a fixed seed; the others are not looked at.",
            )
        return notes

    def counts(self, split: Split) -> tuple[int, ...]:
        return self.split_summary.images[split]

    @cached_property
    def split_summary(self) -> SplitSummary:
        images = {split: super(RealTask, self).counts(split) for split in SPLITS}
        self._check_training_images(images["train"])
        self._check_test_images()
        groups, is_split = self.groups_by_split["test"], self.test is None
        return SplitSummary(
            images=images,
            groups=len({groups[path] for paths in self._paths["test"] for path in paths}),
            grouped_by="file" if self.groups else "near-duplicates",
            hold_out=self.hold_out if is_split else None,
            seed=SPLIT_SEED if is_split else None,
        )

    @cached_property
    def groups_by_split(self) -> Mapping[Split, Mapping[str, str]]:
        if self._groups_file:
            groups = self._groups_file.groups_of(self.real)
            return {"train": groups, "test": self._groups_file.groups_of(self.test) if self.test else groups}
        groups = near_duplicate_groups(self.real)
        return {"train": groups, "test": self._grouped_test_images(self.test) if self.test else groups}

    @cached_property
    def _paths(self) -> Mapping[Split, list[list[str]]]:
        """For each split and class, the paths of its images in order, after the limit of test images."""
        test = self._all_test_paths
        if self.test_images is not None and sum(map(len, test)) > self.test_images:
            groups = self.groups_by_split["test"]
            images = [(label, groups[path]) for label, of_class in enumerate(test) for path in of_class]
            chosen = limited_groups(images, self._test_images_per_class(self.test_images))
            test = [[path for path in of_class if groups[path] in chosen] for of_class in test]
        return {"train": self._paths_of("train", self.classes), "test": test}

    @cached_property
    def _all_test_paths(self) -> list[list[str]]:
        return self._paths_of("test", self.classes)

    def _test_images_per_class(self, limit: int) -> int:
        return max(1, limit // len(self._wanted_classes))

    def _grouped_test_images(self, test: SampledSource) -> Mapping[str, str]:
        """Return the groups of the given test images; of those alone that are used, so that the others are not decoded.

        Groups that the source gives are kept whole. Near-duplicates are found among the images that are used.
        """
        if self.test_images is None or sum(test.counts().values()) <= self.test_images:
            return near_duplicate_groups(test)
        given, index = source_groups(test), match_classes(self.sources["test"], self._wanted_classes)
        samples = [sample for sample in self.sources["test"].samples() if sample.label in index]
        images = [(index[sample.label], given[sample.path]) for sample in samples]
        chosen = limited_groups(images, self._test_images_per_class(self.test_images))
        return near_duplicate_groups(test, {sample.path for sample in samples if given[sample.path] in chosen})

    @property
    def all_images_are_decoded(self) -> bool:
        return self.groups is None

    def is_in(self, split: Split, group: str) -> bool:
        return self.test is not None or (group in self._held_out) == (split == "test")

    @cached_property
    def _groups_file(self) -> GroupsFile | None:
        return read_groups(self.groups) if self.groups else None

    @cached_property
    def _held_out(self) -> set[str]:
        """The groups of `real` to test on."""
        source, groups = self.sources["train"], self.groups_by_split["train"]
        index = match_classes(source, self._wanted_classes)
        images = [(index[s.label], groups[s.path]) for s in source.samples() if s.label in index]
        return held_out_groups(images, self.hold_out)

    def _check_training_images(self, counts: Sequence[int]) -> None:
        """Raise a DataError if a class has no training images left."""
        missing = [name for name, count in zip(self.classes, counts, strict=True) if not count]
        if missing:
            largest = max(missing, key=lambda name: self.sources["train"].counts()[name])
            count = self.sources["train"].counts()[largest]
            amount = "one image" if count == 1 else f"{count} images in too few groups"
            raise DataError(
                f"{self.real.location}: class {largest!r} has {amount}, so no training image is left after holding out "
                f"test images ({len(missing)} of {len(self.classes)} classes); add images, leave classes out with "
                "min_per_class: 1, or give separate test images"
            )

    def _check_test_images(self) -> None:
        """Raise a DataError if all given test images are training images too; fewer are found by the data checks."""
        if self.test is None:
            return
        train, test = set(self.real.content_ids().values()), set(self.test.content_ids().values())
        if test <= train:
            raise DataError(
                f"{self.test.location}: every test image is also a training image in {self.real.location}; "
                "give other test images, or none, so that some of the real images are held out"
            )

    def fingerprint(self) -> str:
        limit = [] if self.test_images is None else [self.test_images]
        return digest(["real", 2, super().fingerprint(), self.hold_out if self.test is None else None, *limit])
