from __future__ import annotations

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import StudyError, UnknownNameError
from prettyuseful.selection.criteria import CRITERIA
from prettyuseful.selection.experiments import EXPERIMENTS, Experiment, top_and_bottom
from prettyuseful.selection.plan import SelectionPlan


@pytest.mark.parametrize("experiment", list(EXPERIMENTS), ids=lambda experiment: experiment.name)
def test_every_arm_is_a_selection_of_its_own_name(experiment: Experiment) -> None:
    assert experiment.summary
    assert len({arm.name for arm in experiment.arms}) == len(experiment.arms)
    for arm in experiment.arms:
        assert arm.by in CRITERIA
        assert SelectionPlan(of="base", by=arm.by, keep=arm.keep).keep == arm.keep


def test_the_ends_of_a_score_have_one_random_control() -> None:
    experiment = top_and_bottom("sharpness", "30%")
    assert [arm.keep for arm in experiment.arms] == ["top 30%", "bottom 30%"]
    assert {arm.control for arm in experiment.arms} == {"random-30"}
    assert experiment.scores == ("sharpness",)
    assert top_and_bottom("nearest-real").scores == ()


@pytest.mark.parametrize(
    ("by", "keep", "message"),
    [
        ("k-centre", "50%", "k-centre chooses images together, so it has no top and bottom"),
        ("prettiness", "100%", "keep: '100%' keeps every image"),
        ("prettiness", "top 50%", "keep: top 50% names one end, but both are compared with a random choice; write 50%"),
    ],
)
def test_what_has_no_ends_is_refused(by: str, keep: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        top_and_bottom(by, keep)


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'prettiness'"):
        top_and_bottom("pretiness")


def test_small_classes_have_no_selections_that_keep_or_leave_nothing() -> None:
    curate, classes = EXPERIMENTS["curate"], ("a", "b")
    names = {n: [arm.name for arm in curate.arms_for(ClassCounts((n, 50)), classes)] for n in (3, 4, 7)}
    assert names == {3: [], 4: ["sure-labels", "diverse"], 7: ["sure-labels", "no-copies", "diverse"]}
