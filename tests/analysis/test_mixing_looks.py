"""Which seeds the curve of mixtures asks for: where a gain is not yet as precise as planned."""

from __future__ import annotations

from typing import Any

import pytest
from tests.analysis.mixed_records import CELL, Accuracy, mixed_run, mixed_runs, study_record

from prettyuseful.analysis.mixing_looks import MixSeeds, mix_seeds
from prettyuseful.records import RunRecord, StudyRecord
from prettyuseful.study.curve import MixPoint

CURVE: dict[str, Any] = {"real": (10, 20), "synthetic": (20, 80), "at_most": 12}
CONTROL, SOME, MANY = (MixPoint(real=10, synthetic=n) for n in (0, 20, 80))


def flat(real: int, _: int) -> float:
    return 0.5 + real / 200


def needed(study: StudyRecord, runs: list[RunRecord]) -> MixSeeds:
    return mix_seeds(study.file, CELL, runs)


def finished(study: StudyRecord, accuracy: Accuracy, noise: float = 0.005) -> tuple[MixSeeds, list[RunRecord]]:
    """Run what is asked for until nothing more is."""
    runs = [
        run.model_copy()
        if noise == 0.005
        else mixed_run(run.mixed, run.seed, accuracy(run.mixed.real, run.mixed.synthetic), noise)
        for run in mixed_runs(study, accuracy)
        if run.mixed
    ]
    while True:
        asked = needed(study, runs)
        known = {(run.mixed, run.seed) for run in runs}
        new = {(point, seed) for _, point, seed in asked.added} - known
        if not new:
            return asked, runs
        runs += [
            mixed_run(point, seed, accuracy(point.real, point.synthetic), noise) for point, seed in sorted(new, key=str)
        ]


def test_precise_gains_need_no_more_seeds() -> None:
    asked, runs = finished(study_record({**CURVE, "precision": 20}), flat)
    assert asked == MixSeeds(frozenset(), frozenset(), 3)
    assert {run.seed for run in runs} == {0, 1, 2}


def test_seeds_double_up_to_the_limit_with_those_of_the_control() -> None:
    study = study_record({**CURVE, "precision": 0.5})
    first = needed(study, mixed_runs(study, flat))
    assert {seed for _, _, seed in first.added} == {3, 4, 5}
    assert {(name, point) for name, point, _ in first.added} >= {("real", CONTROL), ("base", SOME)}
    assert ("base", SOME) in first.open
    asked, _ = finished(study, flat, noise=0.02)
    assert {seed for _, _, seed in asked.added} == set(range(3, 12))
    assert asked.open == frozenset()


def test_more_seeds_than_the_test_images_allow_are_not_asked_for() -> None:
    """Without variation over seeds, more of them cannot narrow an interval."""
    study = study_record({**CURVE, "precision": 0.01})
    same = [mixed_run(run.mixed, 0, flat(10, 0), 0.0) for run in mixed_runs(study, flat, (0,)) if run.mixed]
    runs = [run.model_copy(update={"seed": seed}) for run in same for seed in (0, 1, 2)]
    assert needed(study, runs).added == frozenset()


def test_numbers_that_are_clearly_worse_need_no_precision() -> None:
    study = study_record({**CURVE, "precision": 0.5})
    accuracies = {0: 0.5, 20: 0.52, 80: 0.2}
    asked = needed(study, mixed_runs(study, lambda _, synthetic: accuracies[synthetic]))
    points = {point for _, point, _ in asked.added}
    assert SOME in points
    assert MANY not in points


def test_results_that_are_missing_are_waited_for() -> None:
    study = study_record({**CURVE, "precision": 0.5})
    runs = mixed_runs(study, flat)
    waiting = [
        mixed_run(run.mixed, run.seed, None) if run.mixed == SOME and run.seed == 2 else run
        for run in runs
        if run.mixed
    ]
    asked = needed(study, waiting)
    assert {point.real for _, point, _ in asked.added} == {20}
    assert {("base", SOME), ("base", MANY), ("real", CONTROL)} <= asked.open


@pytest.mark.parametrize("failed", [CONTROL, SOME])
def test_points_whose_runs_failed_are_given_up(failed: MixPoint) -> None:
    study = study_record({**CURVE, "precision": 0.5})
    runs = [
        run.model_copy(update={"status": "failed", "cause": "no", "transfers": []}) if run.mixed == failed else run
        for run in mixed_runs(study, flat)
    ]
    assert ("base", SOME) not in {(name, point) for name, point, _ in needed(study, runs).added}


def test_later_results_do_not_change_earlier_looks() -> None:
    study = study_record({**CURVE, "precision": 0.5})
    asked, runs = finished(study, flat, noise=0.02)
    more = [mixed_run(point, seed, 0.9) for point in (CONTROL, SOME) for seed in (12, 13)]
    assert needed(study, [*runs, *more]) == asked
