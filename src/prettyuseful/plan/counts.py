"""How many images of each class every data set of a study has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.errors import DataError, UnknownNameError, prefix_location
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.files import is_pipeline_folder
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.weights import unsupported_weights
from prettyuseful.plugins import is_plugin
from prettyuseful.study.file import ALL, REAL, DatasetPlan, Study
from prettyuseful.tasks.base import Task

OpenImages = Callable[[str], SampledSource]


def existing_images(generator: GeneratorChoice | HostedModel) -> bool:
    """Whether the generator of a data set is a folder, tar shards or Parquet files with images, not a model.

    Raises:
        UnknownNameError: it is weights in a form that is not supported.
    """
    if isinstance(generator, HostedModel):
        return False
    name = generator.model
    if problem := unsupported_weights(name):
        raise UnknownNameError(problem)
    if is_plugin(name) or name in MODELS or is_pipeline_folder(name):
        return False
    from prettyuseful.data.sources.open import is_source

    return is_source(name)


def dataset_counts(study: Study, task: Task, open_images: OpenImages) -> dict[str, ClassCounts]:
    """Return the images of each class of every data set of a study, by name.

    With `images_per_class: all`, a class of existing images keeps what it has, but not more images than the class has
    real training images, so that the data set can be compared with equally many real images.

    Raises:
        UserError: a data set takes more images than there are, or `all` of a generator that makes images.
    """
    counts: dict[str, ClassCounts] = {}

    def resolve(name: str) -> ClassCounts:
        if name == REAL:
            return ClassCounts(task.counts("train"))
        if name not in counts:
            plan = study.datasets[name]
            parts = {part: resolve(part) for part in (*(plan.mix or ()), *([plan.source] if plan.source else []))}
            with prefix_location(f"data set {name!r}"):
                counts[name] = _counts_of(plan, parts, task, open_images)
        return counts[name]

    for name in study.datasets:
        resolve(name)
    return {name: counts[name] for name in study.datasets}


def _counts_of(plan: DatasetPlan, parts: Mapping[str, ClassCounts], task: Task, open_images: OpenImages) -> ClassCounts:
    """Return the images of each class of a data set; `parts`: those of the data sets that it is made from."""
    if plan.select is not None:
        return plan.select.kept.counts(parts[plan.select.of], task.classes)
    counts, written = plan.count, plan.images_per_class
    if isinstance(written, tuple) and len(written) != len(task.classes):
        raise DataError(
            f"images_per_class lists {len(written)} numbers, but the task has {len(task.classes)} classes; "
            "list one number for each class"
        )
    generator = plan.generator
    if generator is not None and not existing_images(generator) and (counts is None or not counts.equal):
        setting = f"images_per_class: {ALL}" if counts is None else "a list in images_per_class"
        raise DataError(f"{setting} is for images that exist, but {generator.model} generates images; set one number")
    for part, available in parts.items():
        taken = ClassCounts(plan.mix[part]) if plan.mix else counts
        if taken is not None:
            _check_part(part, taken, available, task, must_equal=plan.drop is not None)
    if counts is not None:
        return counts
    if plan.of is not None:
        return parts[plan.of]
    assert generator is not None
    return match_with_real(open_images(generator.model), task)


def match_with_real(source: SampledSource, task: Task) -> ClassCounts:
    """Return, for each class, the images of `source`, but at most as many as the class has real training images.

    Raises:
        DataError: the classes of the source do not match those of the task.
    """
    from prettyuseful.data.sources.class_names import match_classes

    numbers, counts = [0] * len(task.classes), source.counts()
    for name, label in match_classes(source, task.classes).items():
        numbers[label] += counts[name]
    return ClassCounts(tuple(numbers)).limit(task.counts("train"))


def _check_part(part: str, taken: ClassCounts, available: ClassCounts, task: Task, must_equal: bool) -> None:
    """Check that a data set does not take more images of another one than it has.

    Raises:
        DataError: it takes more; or other numbers, where `must_equal`.
    """
    if must_equal and taken != available:
        raise DataError(f"drop needs every image of {part!r}; set images_per_class: {ALL}")
    if part == REAL or taken.fits(available):  # the task checks real images itself, with its own message
        return
    label = min(range(len(task.classes)), key=lambda label: available[label] - taken[label])
    raise DataError(
        f"{taken[label]} images of the class {task.classes[label]!r} of {part!r} are needed, which has only "
        f"{available[label]}; take fewer, or leave the class out of the task with leave_out"
    )
