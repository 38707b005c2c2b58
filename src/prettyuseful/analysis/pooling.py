"""Pool several studies of the same question: each difference in every study, over all of them, and how they differ.

`replications` finds the differences, `meta_analysis` describes the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import inf, isnan
from pathlib import Path
from typing import Any, get_args

from prettyuseful.analysis.meta_analysis import RandomEffects, random_effects
from prettyuseful.analysis.ranking import holm, holm_levels
from prettyuseful.analysis.replications import Family, PooledStudy, Question, questions, read_studies
from prettyuseful.analysis.rows import Cell
from prettyuseful.analysis.statistics import LEVEL, Interval
from prettyuseful.errors import DataError
from prettyuseful.formatting import Estimate, points
from prettyuseful.student import quantile
from prettyuseful.study.file import REAL

_MAX_NAMED = 4
_INTERVAL_FIELDS = ("mean", "low", "high", "level", "error")


@dataclass(frozen=True)
class StudyDifference:
    """A difference in one study, with its own 95% interval and its share (0-1) of the pooled mean."""

    study: str
    interval: Interval
    weight: float


@dataclass(frozen=True)
class PooledDifference:
    """The accuracy of data set `a` on real images minus that of `b`, over all studies that have both in this grid cell.

    `b` is `real` for the difference from as many real training images. `p`: Holm-adjusted over the family in the cell.
    The interval of `overall` is at the level at which Holm's procedure tests the difference, so that it excludes zero
    where `p` is at most 5%. `same_images`: all studies were tested on the same images, see `meta_analysis`.
    """

    a: str
    b: str
    cell: Cell
    family: Family
    studies: tuple[StudyDifference, ...]
    overall: RandomEffects
    p: float
    same_images: bool

    @property
    def name(self) -> str:
        return f"{self.a} - {self.b}"

    def as_json(self) -> dict[str, Any]:
        overall = {
            name: value._asdict() if isinstance(value, Estimate) else value
            for name, value in vars(self.overall).items()
        }
        studies = [
            {"study": one.study, "weight": one.weight}
            | {name: getattr(one.interval, name) for name in _INTERVAL_FIELDS}
            for one in self.studies
        ]
        return {**vars(self), "studies": studies, "overall": overall, "excludes_zero": self.overall.excludes_zero}


@dataclass(frozen=True)
class PooledStudies:
    """All differences that at least two studies have, in the order of the first study.

    `studies`: titles by folder. `notes`: what limits the result, one sentence each. `problems`: one sentence for each
    data set or run that a study lacks.
    """

    studies: Mapping[str, str]
    differences: tuple[PooledDifference, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @cached_property
    def answer(self) -> str:
        """The result in one sentence."""
        count, clear = len(self.differences), [one for one in self.differences if one.overall.excludes_zero]
        clear.sort(key=lambda one: -abs(one.overall.mean))
        if not clear:
            subject = "the pooled difference is not" if count == 1 else f"none of {count} pooled differences is"
            best = min(self.differences, key=lambda one: one.overall.detectable)
            return (
                f"Over {len(self.studies)} studies, {subject} clearly above or below zero; for {self.title(best)}, "
                f"{points(best.overall)}, a true difference of {100 * best.overall.detectable:.1f} points would be "
                "found in 80% of cases."
            )
        subject = "the pooled difference" if count == 1 else f"{len(clear)} of {count} pooled differences"
        named = [
            f"{self.title(one)}, {points(one.overall)} in {len(one.studies)} studies" for one in clear[:_MAX_NAMED]
        ]
        more = f"; and {len(clear) - _MAX_NAMED} more" if len(clear) > _MAX_NAMED else ""
        return (
            f"Over {len(self.studies)} studies, {subject} {'is' if len(clear) == 1 else 'are'} clearly above or below "
            f"zero: {'; '.join(named)}{more}."
        )

    def title(self, one: PooledDifference) -> str:
        """Return the name of a difference, with its grid cell if there are several."""
        several = len({difference.cell for difference in self.differences}) > 1
        return f"{one.name} ({'/'.join(one.cell)})" if several else one.name

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "answer": self.answer,
            "studies": [{"study": folder, "title": title} for folder, title in self.studies.items()],
            "differences": [one.as_json() for one in self.differences],
            "notes": list(self.notes),
            "problems": list(self.problems),
        }


def pool_studies(folders: Sequence[Path], names: Mapping[str, str] | None = None) -> PooledStudies:
    """Pool the records of several studies of the same question.

    Args:
        folders: results folders of `run_study`, or their folders of records.
        names: the common name of a data set by the name that some studies have for it.

    Raises:
        DataError: fewer than two folders, records that cannot be read, a study that is there twice, or no difference
            that two studies have.
        UnknownNameError: no study has a data set of a name in `names`.
    """
    studies = read_studies(folders, names or {})
    measured = [question.without_repeats for question in questions(studies)]
    pooled = [question for question in measured if len(question.replications) > 1]
    if not pooled:
        raise DataError(_nothing_to_pool(studies, measured))
    differences = tuple(_differences(pooled))
    return PooledStudies(
        studies={study.folder: study.summary.study.title for study in studies},
        differences=differences,
        notes=(*_matching_notes(studies, measured), *_independence_notes(studies, pooled), *_limits(differences)),
        problems=tuple(f"{study.folder}: {problem}" for study in studies for problem in study.summary.problems),
    )


def _differences(pooled: Sequence[Question]) -> Iterator[PooledDifference]:
    """Yield the pooled differences by grid cell; in each, those from real images and planned ones come first."""
    families: dict[tuple[Cell, Family], list[Question]] = {
        (cell, family): []
        for cell in dict.fromkeys(question.cell for question in pooled)
        for family in get_args(Family)
    }
    for question in pooled:
        families[question.cell, question.family].append(question)
    for (cell, family), members in families.items():
        estimates = [[one.estimate(question.same_images) for one in question.replications] for question in members]
        p = [random_effects(of_studies).p for of_studies in estimates]
        for question, of_studies, adjusted, level in zip(members, estimates, holm(p), holm_levels(p), strict=True):
            overall = random_effects(of_studies, level)
            yield PooledDifference(
                a=question.replications[0].a,
                b=question.replications[0].b,
                cell=cell,
                family=family,
                studies=tuple(
                    StudyDifference(one.study.folder, one.interval.at(LEVEL), weight)
                    for one, weight in zip(question.replications, overall.weights, strict=True)
                ),
                overall=overall,
                p=adjusted,
                same_images=question.same_images,
            )


def _nothing_to_pool(studies: Sequence[PooledStudy], measured: Sequence[Question]) -> str:
    """Return why no difference was measured in two studies, and what to do."""
    if repeats := [repeat for question in measured for repeat in question.repeats]:
        first, second = repeats[0]
        return (
            f"{first} and {second} have the same trained classifiers, which count once; name studies with images or "
            "seeds of their own"
        )
    datasets = {name for study in studies for name in study.names.values()}
    common = [name for name in datasets if sum(name in study.names.values() for study in studies) > 1]
    if common:
        cells = "; ".join(f"{study.folder} has {_cells(study)}" for study in studies)
        return (
            f"no two studies have results for the same data sets in the same configuration: {cells}; pool studies of "
            "one configuration"
        )
    names = "; ".join(f"{study.folder} has {_listed(sorted(study.names.values()))}" for study in studies)
    return f"no data set has the same name in two studies: {names}; match names with --as, such as --as mine=theirs"


def _matching_notes(studies: Sequence[PooledStudy], measured: Sequence[Question]) -> Iterator[str]:
    """Yield what is not pooled, and what differs between the studies although it has one name."""
    several = len({question.cell for question in measured}) > 1
    single = [
        f"{question.name} ({'/'.join(question.cell)})" if several else question.name
        for question in measured
        if len(question.replications) == 1 and not question.repeats
    ]
    if single:
        yield f"in one study only, so not pooled: {_listed(single)}"
    cells = {study.folder: _cells(study) for study in studies}
    if len(set(cells.values())) > 1:
        yield f"only equal configurations are pooled: {'; '.join(f'{name} has {have}' for name, have in cells.items())}"
    for first, second in dict.fromkeys(repeat for question in measured for repeat in question.repeats):
        yield f"{second} has classifiers that {first} has, too: differences that rest on them count only {first}"
    classes = {study.folder: tuple(sorted(study.summary.study.task.classes)) for study in studies}
    if len(set(classes.values())) > 1:
        counts = ", ".join(f"{folder} {len(names)}" for folder, names in classes.items())
        yield f"the studies have different classes ({counts}), which may be why they differ"
    for name in dict.fromkeys(name for study in studies for name in study.names.values()):
        numbers = {study.folder: count for study in studies if (count := study.images_per_class(name))}
        if len(set(numbers.values())) > 1:
            counts = ", ".join(f"{folder} {count}" for folder, count in numbers.items())
            yield f"{name} has different numbers of images per class ({counts}), which may be why studies differ"


def _independence_notes(studies: Sequence[PooledStudy], pooled: Sequence[Question]) -> Iterator[str]:
    """Yield what studies have in common, which pooling does not average out."""
    if same := [question.name for question in pooled if question.same_images]:
        yield (
            f"same test images (groups of the same names and sizes) in all studies of {_listed(dict.fromkeys(same))}: "
            "pooling averages over training and generation, but more studies do not reduce what the choice of test "
            "images adds; tau and the interval of a new study are about these test images"
        )
    if shared := [question.name for question in pooled if question.shared_images]:
        pairs = [(a, b) for a, b in combinations(studies, 2) if a.test_groups & b.test_groups]
        with_others = _listed(f"{a.folder} and {b.folder}" for a, b in pairs)
        yield (
            f"{with_others} share test images (groups of the same names and sizes), but are pooled as if they did not: "
            f"the intervals of {_listed(dict.fromkeys(shared))} cover training and generation, but not the choice of "
            "test images, and may be too narrow"
        )
    for a, b in combinations(studies, 2):
        images = [name for name in a.names.values() if a.images(name) and a.images(name) == b.images(name)]
        if images:
            yield (
                f"{a.folder} and {b.folder} use the same images of {_listed(images)}, so the results do not cover "
                "another generation of them"
            )
        cells = {question.cell for question in pooled if question.family == "gap"}
        if any(a.classifiers(REAL, cell) & b.classifiers(REAL, cell) for cell in cells):
            yield (
                f"{a.folder} and {b.folder} have the same classifiers trained on real images, so their differences "
                "from real images vary together, and intervals of these may be too narrow"
            )
    for study in dict.fromkeys(one.study for question in pooled for one in question.replications):
        replications = [one for question in pooled for one in question.replications if one.study is study]
        if any(len(one.interval.seeds) == 1 for one in replications):
            yield f"{study.folder} has one training seed, so its own interval covers only the choice of test images"
        if any(one.stopped for one in replications):
            yield f"{study.folder} added seeds until it was sure, so its differences are slightly too large on average"


def _limits(differences: Sequence[PooledDifference]) -> Iterator[str]:
    """Yield what so few studies cannot say."""
    numbers = {len(one.studies) for one in differences}
    if 2 in numbers:
        names = [one.name for one in differences if len(one.studies) == 2]
        factor = quantile(LEVEL, 1) / quantile(LEVEL, inf)
        yield (
            f"two studies cannot say how much studies differ ({_listed(dict.fromkeys(names))}): there is no interval "
            "for a new study, a p-value above 0.05 does not mean that the studies agree, and the interval of the mean "
            f"is {factor:.1f} times as wide as if tau were known, so only very large differences can be clear"
        )
    if any(number > 3 for number in numbers):
        yield (
            "intervals for a new study held in 83% to 100% of simulated cases instead of 95%, less often where tau is "
            "smaller than the errors of the studies"
        )
    if unknown := [one.name for one in differences if isnan(one.overall.tau.high)]:
        yield (
            f"the studies of {_listed(unknown)} agree better than their errors let expect in 97.5% of cases, so tau "
            "has no upper end"
        )


def _cells(study: PooledStudy) -> str:
    return _listed(["/".join(cell) for cell in study.summary.study.cells])


def _listed(values: Iterable[str]) -> str:
    names = list(values)
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
