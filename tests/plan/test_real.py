"""The steps that load real images."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plan.plans import STUDY, plan_study

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.graph import Graph
from prettyuseful.errors import DataError
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.real import RealImages, add_sample
from prettyuseful.study.file import REAL
from prettyuseful.study.reading import parse_study


@pytest.fixture
def real(shared_task: Path) -> RealImages:
    """Real images of a task with 8 training and 14 test images per class, for data sets of 3, 3 and 20 images."""
    dataset_text = "{{generator: pocket-base, images_per_class: {}}}"
    text = f"version: 1\ntask: {{folder: {shared_task}}}\ndatasets:\n"
    text += "".join(f"  d{i}: {dataset_text.format(count)}\n" for i, count in enumerate((20, 3, 3)))
    study = parse_study(text)
    return RealImages(PlanContext(study, study.task.open(), Graph()))


def test_equal_requests_share_one_step(real: RealImages) -> None:
    key = real.load_step("train", 3)
    assert real.load_step("train", 3) == key
    assert len({key, real.load_step("train", 4), real.load_step("test", 3)}) == 3
    step = real.context.graph.steps[key]
    assert (step.label, step.units) == ("load 3 real train images per class", 6)
    assert dict(step.inputs) == {}


def test_all_test_images_are_loaded(real: RealImages) -> None:
    step = real.context.graph.steps[real.test_step]
    assert (step.label, step.units) == ("load 14 real test images per class", 28)


def test_too_many_images_are_reported(real: RealImages) -> None:
    real.load_step("train", 8)
    with pytest.raises(DataError, match=r"has only 8 train images of the class '\w+', but 9 were requested"):
        real.load_step("train", 9)
    assert [real.limit(ClassCounts(n)) for n in (1, 8, 9)] == [ClassCounts(n) for n in (1, 8, 8)]


def test_there_is_a_baseline_of_every_size_in_ascending_order(real: RealImages) -> None:
    assert [*real.baselines] == [ClassCounts(3), ClassCounts(8)]
    assert [dataset.images_per_class for dataset in real.baselines.values()] == [*real.baselines]
    assert {dataset.name for dataset in real.baselines.values()} == {REAL}
    assert real.largest is real.baselines[ClassCounts(8)]
    assert real.reference is real.largest
    assert real.largest.key == real.load_step("train", 8)


def test_every_baseline_has_a_sample_for_the_report(real: RealImages) -> None:
    baseline = real.train_dataset(ClassCounts(3))
    sample = real.context.graph.steps[baseline.keys["sample"]]
    assert dict(sample.inputs) == {"dataset": baseline.key}
    assert sample.key == add_sample(real.context, baseline.key, "another name is not in the key")


def test_baselines_have_equally_many_images_if_available() -> None:
    plan = plan_study(STUDY.replace("  two: {generator: pocket-base, images_per_class: 120}", "  two: {generator: pocket-base, images_per_class: 500}"))  # fmt: skip # noqa: E501
    assert [d.images_per_class for d in plan.datasets if d.name == "real"] == [ClassCounts(120), ClassCounts(300)]
    tested = {run.images_per_class.smallest: set(run.evaluations) for run in plan.runs if run.dataset == "real"}
    assert tested == {120: {"real", "one"}, 300: {"real", "two"}}


def test_a_curve_with_too_many_real_images_is_rejected() -> None:
    with pytest.raises(DataError, match=r"has only 300 train images of the class '\w+', but 500 were requested"):
        plan_study(STUDY.replace("train: {", "train: {real_curve: [10, 500], "))
