"""The steps that load real images."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plan.plans import STUDY, plan_study

from prettyuseful.engine.graph import Graph
from prettyuseful.errors import DataError
from prettyuseful.plan.planned import Planning
from prettyuseful.plan.real import RealImages, add_sample
from prettyuseful.study.file import REAL
from prettyuseful.study.reading import parse_study


@pytest.fixture
def real(shared_task: Path) -> RealImages:
    """Of a task with 8 train and 14 test images per class, for data sets of 3, 3 and 20."""
    one = "{{generator: pocket-base, images_per_class: {}}}"
    text = f"version: 1\ntask: {{folder: {shared_task}}}\ndatasets:\n"
    text += "".join(f"  d{i}: {one.format(count)}\n" for i, count in enumerate((20, 3, 3)))
    study = parse_study(text)
    return RealImages(Planning(study, study.task.open(), Graph()))


def test_equal_requests_are_one_step(real: RealImages) -> None:
    key = real.load("train", 3)
    assert real.load("train", 3) == key
    assert len({key, real.load("train", 4), real.load("test", 3)}) == 3
    step = real.planning.graph.steps[key]
    assert (step.label, step.units) == ("load 3 real train images per class", 6)
    assert dict(step.inputs) == {}


def test_all_test_images_are_loaded(real: RealImages) -> None:
    step = real.planning.graph.steps[real.test]
    assert (step.label, step.units) == ("load 14 real test images per class", 28)


def test_more_than_there_are_is_one_line(real: RealImages) -> None:
    real.load("train", 8)
    with pytest.raises(DataError, match="has 8 train images per class, 9 were asked for"):
        real.load("train", 9)
    assert [real.count(n) for n in (1, 8, 9)] == [1, 8, 8]


def test_there_is_a_baseline_of_every_size_smallest_first(real: RealImages) -> None:
    assert [*real.baselines] == [3, 8]
    assert [dataset.images_per_class for dataset in real.baselines.values()] == [3, 8]
    assert {dataset.name for dataset in real.baselines.values()} == {REAL}
    assert real.largest is real.baselines[8]
    assert real.largest.key == real.load("train", 8)


def test_a_sample_of_every_baseline_is_kept_for_the_report(real: RealImages) -> None:
    baseline = real.train(3)
    sample = real.planning.graph.steps[baseline.keys["sample"]]
    assert dict(sample.inputs) == {"dataset": baseline.key}
    assert sample.key == add_sample(real.planning, baseline.key, "another name is not in the key")


def test_real_images_are_as_many_or_as_many_as_there_are() -> None:
    plan = plan_study(STUDY.replace("  two: {generator: pocket-base, images_per_class: 120}", "  two: {generator: pocket-base, images_per_class: 500}"))  # fmt: skip # noqa: E501
    assert [d.images_per_class for d in plan.datasets if d.name == "real"] == [120, 300]
    tested = {run.images_per_class: set(run.evaluations) for run in plan.runs if run.dataset == "real"}
    assert tested == {120: {"real", "one"}, 300: {"real", "two"}}


def test_more_real_images_than_there_are_cannot_be_in_a_curve() -> None:
    with pytest.raises(DataError, match="has 300 train images per class, 500 were asked for"):
        plan_study(STUDY.replace("train: {", "train: {real_curve: [10, 500], "))
