"""Add an experiment to a study: selections of its generated images, and their random controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import Any

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.graph import Graph
from prettyuseful.errors import DataError
from prettyuseful.plan.planned import PlanContext
from prettyuseful.selection.experiments import FEWEST, Arm, Experiment
from prettyuseful.selection.plan import SelectionPlan
from prettyuseful.study.file import DatasetPlan, Study


def with_experiment(study: Study, experiment: Experiment) -> tuple[Study, tuple[str, ...]]:
    """Return a study with the selections of an experiment, and notes on data sets that are too small for it.

    Every data set with a `generator` is selected from, in each class. Selections that the study has already stay the
    only ones of their kind. The scores that are selected by are measured, too.

    Raises:
        UserError: no data set of the study is generated or large enough, or its images cannot be counted.
    """
    context = PlanContext(study, study.task.open(), Graph())
    generated = [name for name, plan in study.datasets.items() if plan.generator is not None]
    if not generated:
        raise DataError(f"the experiment {experiment.name} selects generated images, but no data set has a generator")
    counts = {name: context.counts[name] for name in generated}
    arms, notes = arms_by_dataset(experiment, counts, context.task.classes)
    datasets: dict[str, Any] = {}
    for name, plan in study.datasets.items():
        datasets[name] = plan
        if arms.get(name):
            datasets |= experiment_datasets(name, arms[name], study.datasets)
    metrics = [name for name in experiment.scores if name not in study.metrics]
    fields = {field: getattr(study, field) for field in study.model_fields_set}
    return Study.model_validate({**fields, "datasets": datasets, "metrics": (*study.metrics, *metrics)}), notes


def arms_by_dataset(
    experiment: Experiment, counts: Mapping[str, ClassCounts], classes: Sequence[str]
) -> tuple[dict[str, tuple[Arm, ...]], tuple[str, ...]]:
    """Return the arms of an experiment that each data set has enough images for, and notes on those that it lacks.

    Args:
        counts: the images of each class of the data sets, by name.
        classes: of the task.

    Raises:
        DataError: no data set has enough images.
    """
    arms = {name: experiment.arms_for(available, classes) for name, available in counts.items()}
    if not any(arms.values()):
        fewest = max(available.smallest for available in counts.values())
        raise DataError(
            f"the experiment {experiment.name} keeps some images of every class and leaves some out, of at least "
            f"{FEWEST}, but a class has only {fewest}; keep fewer, leave small classes out with min_per_class, or add "
            "images"
        )
    notes = (_left_out(name, experiment, found) for name, found in arms.items() if len(found) < len(experiment.arms))
    return arms, tuple(notes)


def experiment_datasets(
    of: str, arms: Iterable[Arm], datasets: Mapping[str, DatasetPlan] = MappingProxyType({})
) -> dict[str, dict[str, Any]]:
    """Return the data sets to add to a study for selections of the data set `of`, as in a study file.

    Selections of the same size share a random control. `datasets`: of the study; those that are equal are not repeated.
    """
    known = {
        (select.of, select.by, select.keep): name
        for name, plan in datasets.items()
        if (select := plan.select) and (select.is_random or plan.control)
    }
    added: dict[str, dict[str, Any]] = {}
    for arm in arms:
        select = SelectionPlan(of=of, by=arm.by, keep=arm.keep)
        if (of, select.by, select.keep) in known:
            continue
        random = select.random_control
        control = known.setdefault((of, None, random.keep), _unused(f"{of}.{arm.control}", datasets))
        name = _unused(f"{of}.{arm.name}", datasets)
        added[name] = {"select": {"of": of, "by": arm.by, "keep": arm.keep}, "control": control}
        if control not in datasets:
            added.setdefault(control, {"select": {"of": of, "keep": random.keep}})
    return added


def _unused(name: str, datasets: Mapping[str, DatasetPlan]) -> str:
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in datasets else next(other for other in numbered if other not in datasets)


def _left_out(name: str, experiment: Experiment, arms: tuple[Arm, ...]) -> str:
    if not arms:
        return f"{name} has too few images in a class for the experiment {experiment.name}, so it is left out of it."
    missing = ", ".join(f"{arm.keep} by {arm.by}" for arm in experiment.arms if arm not in arms)
    return f"{name} has too few images in a class for these selections of the experiment {experiment.name}: {missing}."
