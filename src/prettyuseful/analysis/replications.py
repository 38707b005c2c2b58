"""Which differences several studies have measured. Studies are matched by the names of data sets and grid cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Literal

from prettyuseful.analysis.meta_analysis import StudyEstimate
from prettyuseful.analysis.rows import Cell
from prettyuseful.analysis.statistics import Component, Interval
from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.records import RunRecord, read_records
from prettyuseful.student import quantile
from prettyuseful.study.file import REAL

Family = Literal["gap", "pre-registered", "exploratory"]
"""What is corrected together: differences from real images, pairs that a study planned, pairs that none planned."""


class PooledStudy:
    """One of several studies of the same question.

    Attributes:
        folder: where its results are, as it was given.
        summary: of its records.
        names: the common name of a data set by the name that the study has for it.

    Raises:
        DataError: two of its data sets have the same common name, or one has the name of the real images.
    """

    def __init__(self, folder: Path, summary: Summary, names: Mapping[str, str]) -> None:
        self.folder, self.summary = str(folder), summary
        own = [record.name for record in summary.datasets if not record.control]
        self.names = {name: names.get(name, name) for name in own}
        for name, common in self.names.items():
            if common == REAL or [*self.names.values()].count(common) > 1:
                raise DataError(
                    f"{folder}: data set {name!r} cannot count as {common!r}, because the study has another data set "
                    "of this name; choose another name"
                )

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        """The complete runs, without the points of the curve of real images."""
        return tuple(run for run in self.summary.runs if run.status == "complete" and run.is_result)

    def classifiers(self, dataset: str, cell: Cell) -> frozenset[str]:
        """Return the keys of the classifiers of a data set, by its common name; `real` for those of real images."""
        return frozenset(
            run.keys["train"]
            for run in self.runs
            if self.names.get(run.dataset, run.dataset) == dataset and run.cell == cell and "train" in run.keys
        )

    @cached_property
    def test_groups(self) -> frozenset[tuple[str, int, int]]:
        """Name, class and number of images of each group of real test images."""
        tests = (test for run in self.runs for test in run.transfers if test.tested_on == REAL)
        test = next(tests, None)
        return frozenset(zip(test.groups, test.group_labels, test.group_sizes, strict=True) if test else ())

    def images(self, dataset: str) -> str | None:
        """Return the key of the images of a data set, by its common name."""
        keys = (record.keys.get("dataset") for record in self.summary.datasets if self._is(record.name, dataset))
        return next(keys, None)

    def images_per_class(self, dataset: str) -> str | None:
        """Return the number of images of each class of a data set, by its common name, in words."""
        counts = (str(one.images_per_class) for one in self.summary.datasets if self._is(one.name, dataset))
        return next(counts, None)

    def is_same_study(self, other: PooledStudy) -> bool:
        """Whether both have the same classifiers, or the same study file and the same test images."""
        keys, other_keys = ([run.keys for run in study.runs] for study in (self, other))
        if keys == other_keys:
            return True
        first, second = (
            study.summary.study.file.model_dump_json(exclude={"title", "question"}) for study in (self, other)
        )
        return first == second and self.test_groups == other.test_groups

    def differences(self) -> Iterator[Replication]:
        for row in self.summary.rows:
            if row.gap is not None:
                yield Replication(self, self.names[row.dataset], REAL, row.cell, row.gap)
        for pair in self.summary.comparisons:
            a, b = self.names[pair.a], self.names[pair.b]
            yield Replication(self, a, b, pair.cell, pair.to_real, pair.planned, pair.stopping is not None)

    def _is(self, name: str, common: str) -> bool:
        return self.names.get(name) == common


@dataclass(frozen=True)
class Replication:
    """The accuracy of data set `a` minus that of `b` in one study.

    `planned`: the study named `b` as the control of `a`. `stopped`: its seeds were added until it was sure.
    """

    study: PooledStudy
    a: str
    b: str
    cell: Cell
    interval: Interval
    planned: bool = False
    stopped: bool = False

    @property
    def swapped(self) -> Replication:
        return replace(self, a=self.b, b=self.a, interval=-self.interval)

    @cached_property
    def classifiers(self) -> frozenset[str]:
        """The classifiers of both data sets, without those of real images."""
        names = {self.a, self.b} - {REAL}
        return frozenset().union(*(self.study.classifiers(name, self.cell) for name in names))

    @property
    def separable(self) -> bool:
        """Whether the error has a part that does not come from the choice of test images."""
        return _variance(self._not_of_images) > 0

    def estimate(self, same_images: bool) -> StudyEstimate:
        """Return the estimate; with `same_images`, what test images add to its error is common to all studies."""
        interval, of_images = self.interval, [c for c in self.interval.components if c.name == "test images"]
        if same_images:
            own = self._not_of_images
            common = (_variance(of_images), _dof(of_images)) if of_images else (0.0, inf)
            return StudyEstimate(interval.mean, _variance(own), _dof(own), *common)
        if _variance(interval.components) > 0:
            return StudyEstimate(interval.mean, _variance(interval.components), _dof(interval.components))
        # All test images agree, so the interval is a bound on what has not been seen.
        half = max(interval.high - interval.mean, interval.mean - interval.low)
        return StudyEstimate(interval.mean, (half / quantile(interval.level, inf)) ** 2)

    @property
    def _not_of_images(self) -> list[Component]:
        return [component for component in self.interval.components if component.name != "test images"]


@dataclass(frozen=True)
class Question:
    """The same difference in several studies. `repeats`: folders of two studies, of which the second is not counted."""

    replications: tuple[Replication, ...]
    repeats: tuple[tuple[str, str], ...] = ()

    @property
    def cell(self) -> Cell:
        return self.replications[0].cell

    @property
    def name(self) -> str:
        return f"{self.replications[0].a} - {self.replications[0].b}"

    @property
    def family(self) -> Family:
        if self.replications[0].b == REAL:
            return "gap"
        return "pre-registered" if any(one.planned for one in self.replications) else "exploratory"

    @cached_property
    def same_images(self) -> bool:
        """Whether all studies have the same test images, and errors that come from elsewhere, too."""
        groups = {one.study.test_groups for one in self.replications}
        return len(groups) == 1 and all(one.separable for one in self.replications)

    @cached_property
    def shared_images(self) -> bool:
        """Whether studies that are pooled as independent have test images in common."""
        groups = [one.study.test_groups for one in self.replications]
        return not self.same_images and any(a & b for a, b in combinations(groups, 2))

    @property
    def without_repeats(self) -> Question:
        """The question with one of several studies that have the same classifiers: the one with most of them."""
        kept: list[Replication] = []
        repeats = []
        for one in sorted(self.replications, key=lambda one: -len(one.classifiers)):
            same = next((other for other in kept if other.classifiers & one.classifiers), None)
            if same is None:
                kept.append(one)
            else:
                repeats.append((same.study.folder, one.study.folder))
        return Question(tuple(one for one in self.replications if one in kept), tuple(repeats))


def read_studies(folders: Sequence[Path], names: Mapping[str, str]) -> list[PooledStudy]:
    """Read the records of several studies.

    Args:
        folders: results folders, or their folders of records.
        names: the common name of a data set by the name that some studies have for it.

    Raises:
        DataError: fewer than two folders, records that cannot be read, or a study that is there twice.
        UnknownNameError: no study has a data set of a name in `names`.
    """
    if len(folders) < 2:
        raise DataError("pooling needs the results of at least two studies; name another results folder")
    studies = [PooledStudy(folder, _summary(folder), names) for folder in folders]
    known = {name for study in studies for name in study.names}
    for name in names:
        if name not in known:
            raise UnknownNameError(f"no study has a data set {name!r}{did_you_mean(name, known)}")
    for first, second in combinations(studies, 2):
        if first.is_same_study(second):
            raise DataError(
                f"{first.folder} and {second.folder} are the same study, which counts once; name only one of them"
            )
    return studies


def questions(studies: Sequence[PooledStudy]) -> list[Question]:
    """Return the differences of all studies, in the direction in which they were planned, or else of the first one."""
    found: dict[tuple[Cell, frozenset[str]], list[Replication]] = {}
    for study in studies:
        for one in study.differences():
            if one.interval.high > one.interval.low:
                found.setdefault((one.cell, frozenset((one.a, one.b))), []).append(one)
    return [_in_one_direction(replications) for replications in found.values()]


def _in_one_direction(replications: Sequence[Replication]) -> Question:
    first = next((one for one in replications if one.planned), replications[0])
    return Question(tuple(one if one.a == first.a else one.swapped for one in replications))


def _summary(folder: Path) -> Summary:
    records = folder / "records"
    return summarise(read_records(records if records.is_dir() else folder))


def _variance(components: Sequence[Component]) -> float:
    return sum(component.variance for component in components)


def _dof(components: Sequence[Component]) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of variances."""
    squares = sum(component.variance**2 / component.dof for component in components)
    return _variance(components) ** 2 / squares if squares else inf
