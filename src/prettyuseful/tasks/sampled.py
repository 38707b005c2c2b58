"""What tasks from sources of images share: `FolderTask`, whose splits exist, and `RealTask`, which may make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.class_names import match_classes
from prettyuseful.data.sources.renamed import rename_classes
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split, check_available, summarise_names, validated_rows
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.splitting import interleave_groups


class SampledTask(ABC):
    """A task whose images come from sources. Its classes are those of the training images, except those left out.

    The images of a class come in a pseudo-random order that alternates between groups, so that the first images come
    from many groups. It depends on the content of the images, not on file names.
    """

    licence: str
    choice: ClassChoice

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def source(self) -> str: ...

    @property
    @abstractmethod
    def original_sources(self) -> Mapping[Split, SampledSource]:
        """The source of each split, with the class names that the images give."""

    @property
    @abstractmethod
    def groups_by_split(self) -> Mapping[Split, Mapping[str, str]]:
        """For each split, the group of every image of its source that is used, by path."""

    @property
    def all_images_are_decoded(self) -> bool:
        """Whether the groups could be found only if no image is broken."""
        return False

    @property
    def further_notes(self) -> tuple[str, ...]:
        """Notes that only one kind of task has."""
        return ()

    def is_in(self, split: Split, group: str) -> bool:  # noqa: ARG002
        """Return whether the images of a group belong to a split; both splits may have one source."""
        return True

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.choice.large_enough(self._train_counts) if self.choice.min_per_class else self._wanted_classes

    @property
    def definitions(self) -> Mapping[str, str]:
        return {}

    @cached_property
    def notes(self) -> tuple[str, ...]:
        train, test = self.sources["train"], self.sources["test"]
        notes = [*train.notes(self.classes), *test.notes(self.classes)]
        counts = self._train_counts if self.choice.min_per_class else dict.fromkeys(self._wanted_classes, 0)
        notes += self.choice.notes(self.original_sources["train"].class_names(), counts)
        known = match_classes(test, self.classes)
        if stray := sorted(set(test.counts()) - set(known) - set(train.class_names())):
            notes.append(
                "The test images have classes that the training images lack, so they are left out: "
                f"{summarise_names(stray)}."
            )
        return tuple(dict.fromkeys([*notes, *self.further_notes]))

    def fingerprint(self) -> str:
        sources = {id(source): source for source in self.sources.values()}
        groups = [sorted(self.groups_by_split[split].items()) for split in SPLITS]
        return digest(["sampled", 1, [source.fingerprint() for source in sources.values()], self.classes, groups])

    def counts(self, split: Split) -> tuple[int, ...]:
        return tuple(map(len, self._paths[split]))

    def images(self, split: Split, per_class: ClassCounts | int) -> Iterator[Row]:
        per_class = check_available(self, split, per_class)
        source, groups = self.sources[split], self.groups_by_split[split]
        labels = {path: label for label, paths in enumerate(self._paths[split]) for path in paths[: per_class[label]]}
        rows = (
            Row(data, sample.path, labels[sample.path], groups[sample.path], place=sample.fields.get("place"))
            for sample, data in source.read_in_order([*labels])
        )
        yield from validated_rows(rows, source.location, self._other_rows(split, labels))

    def contents(self, split: Split) -> dict[str, str]:
        """Return what identifies the bytes of each image of a split, by path; also of images that are not used."""
        ids = self.original_sources[split].content_ids()
        groups = self.groups_by_split[split]
        return {path: ids[path] for path, group in groups.items() if path in ids and self.is_in(split, group)}

    def first_paths(self, split: Split, per_class: ClassCounts) -> list[str]:
        """Return the paths of the first images of each class."""
        return [path for label, paths in enumerate(self._paths[split]) for path in paths[: per_class[label]]]

    @cached_property
    def sources(self) -> Mapping[Split, SampledSource]:
        """The source of each split, with the class names of the task."""
        sources, names = self.original_sources, self.choice.names
        self.choice.check(sources["train"].class_names(), sources["train"].location)
        renamed = {id(source): rename_classes(source, names) for source in sources.values()}
        return {split: renamed[id(source)] for split, source in sources.items()}

    def check_classes(self) -> None:
        """Check that there are two classes, and test images of each.

        Raises:
            DataError: this is not the case.
        """
        train, test = self.sources["train"], self.sources["test"]
        if len(self.classes) < 2:
            raise DataError(f"a task needs at least 2 classes; {train.location} has {len(self.classes)}")
        try:
            match_classes(test, self.classes)
        except DataError as error:
            raise DataError(f"test images: {error}, or leave classes out with leave_out") from None

    @property
    def _wanted_classes(self) -> tuple[str, ...]:
        return self.choice.without_left_out(self.sources["train"].class_names())

    @cached_property
    def _train_counts(self) -> dict[str, int]:
        """The number of training images of each class that is not in `leave_out`."""
        return dict(zip(self._wanted_classes, map(len, self._paths_of("train", self._wanted_classes)), strict=True))

    @cached_property
    def _paths(self) -> Mapping[Split, list[list[str]]]:
        """For each split and class, the paths of its images in order."""
        return {split: self._paths_of(split, self.classes) for split in SPLITS}

    def _paths_of(self, split: Split, classes: Sequence[str]) -> list[list[str]]:
        source, groups = self.sources[split], self.groups_by_split[split]
        index, ids = match_classes(source, classes), source.content_ids()
        groups_of_class: list[dict[str, str]] = [{} for _ in classes]
        for sample in source.samples():
            if sample.label in index and sample.path in groups and self.is_in(split, groups[sample.path]):
                groups_of_class[index[sample.label]][sample.path] = groups[sample.path]
        return [interleave_groups(paths, ids) for paths in groups_of_class]

    def _other_rows(self, split: Split, requested: Container[str]) -> Iterator[Row]:
        """Yield the images of the task that were not requested, to find broken ones."""
        if not self.all_images_are_decoded:
            others = {path for paths in self._paths[split] for path in paths if path not in requested}
            for sample in self.sources[split].samples() if others else ():
                if sample.path in others:
                    yield Row(sample.read(), sample.path, 0, "")
