"""Plans of the rungs of `train.halving`; tests/test_halving.py runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import PLANTED

from prettyuseful.errors import StudyError
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import HELD_OUT
from prettyuseful.study.reading import parse_study


def plan(task: Path, datasets: str, train: str = "halving: {}") -> Plan:
    text = f"version: 1\ntask: {{folder: {task}}}\nmetrics: []\nnumerics: {{micro_batch: 4}}\n"
    return make_plan(parse_study(f"{text}train: {{seeds: [0], {train}}}\ndatasets:\n{datasets}"))


NOISE = f"generator: '{PLANTED}:Noise', images_per_class: 9"


def test_each_rung_has_a_run_of_every_data_set_with_its_part(shared_task: Path) -> None:
    planned = plan(shared_task, f"  a: {{{NOISE}}}\n  b: {{mix: {{a: 6, real: 3}}}}\n")
    rungs = {(run.rung, run.dataset): run for run in planned.all_runs if run.rung}
    assert rungs.keys() == {(number, name) for number in (1, 2) for name in "ab"}
    assert {number: rungs[number, "a"].images_per_class.value for number in (1, 2)} == {1: 1, 2: 3}
    assert {number: rungs[number, "b"].images_per_class.value for number in (1, 2)} == {1: 1, 2: 3}
    assert all(list(run.evaluations) == [HELD_OUT] for run in rungs.values())
    assert {run.rung for run in planned.runs if run.dataset != "real"} == {1}
    assert len({run.label for run in planned.all_runs}) == len(planned.all_runs)


def test_data_sets_that_use_every_real_image_leave_none_to_compare_on(shared_task: Path) -> None:
    most = make_plan(
        parse_study(
            f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ndatasets: {{a: {{mix: {{real: 1}}}}}}\n"
        )
    ).task.counts("train")
    with pytest.raises(StudyError, match=r"train\.halving: all \d+ real training images of the class"):
        plan(shared_task, f"  a: {{mix: {{real: {min(most)}}}}}\n  b: {{{NOISE}}}\n")


def test_linear_probes_have_no_epochs(shared_task: Path) -> None:
    train = "halving: epochs, architectures: [efficientnet-lite0], recipes: [frozen-features]"
    with pytest.raises(StudyError, match="frozen-features has no epochs; set over: images"):
        plan(shared_task, f"  a: {{{NOISE}}}\n  b: {{{NOISE}, seed: 9}}\n", train)


def test_a_data_set_for_pretraining_has_the_same_part(shared_task: Path) -> None:
    planned = plan(shared_task, f"  a: {{{NOISE}}}\n  b: {{{NOISE}, seed: 99, pretrain: a}}\n")
    rungs = {(run.rung, run.dataset): run for run in planned.all_runs if run.rung}
    start = planned.all_steps[rungs[1, "b"].train].inputs["start"]
    assert start == rungs[1, "a"].train
