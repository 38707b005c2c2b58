from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.made_up import MACHINE, study_file, task_record

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.records import CellGroupRecord, DatasetRecord, Record, RunRecord, StudyRecord, TransferResult

MakeTest = Callable[..., TransferResult]

STUDY = StudyRecord(
    title="t",
    question="",
    file=study_file({"good": {}, "pretty": {}}),
    task=task_record(),
    metrics=[],
    cell_groups=[],
    environment=MACHINE,
)


def dataset(name: str, status: str = "complete", n: int = 10) -> DatasetRecord:
    return DatasetRecord.model_validate(
        {"name": name, "status": status, "control": name == "real", "images_per_class": n, "keys": {}}
    )


def run(
    name: str, seed: int, *tests: TransferResult, status: str = "complete", n: int = 10, draw: int = 0
) -> RunRecord:
    return RunRecord.model_validate(
        {
            "dataset": name,
            "status": status,
            "cause": None if status == "complete" else "train: RuntimeError: no luck",
            "images_per_class": n,
            "architecture": "small",
            "recipe": "small",
            "probe": "rgb",
            "seed": seed,
            "draw": draw,
            "keys": {},
            "transfers": [t.model_dump() for t in tests],
        }
    )


def study_of(make_test: MakeTest, study: StudyRecord = STUDY) -> Summary:
    rng = np.random.default_rng(0)

    def results(level: int, on: str = "real") -> TransferResult:
        return make_test(np.clip(level + rng.integers(-1, 2, 40), 0, 10), on=on)

    records: list[Record] = [study, dataset("real"), dataset("good"), dataset("pretty")]
    for seed in (2, 0, 1):
        on_sets = [results(9, on="good"), results(9, on="pretty")]
        records += [
            run("real", seed, results(9), *on_sets),
            run("good", seed, results(7)),
            run("pretty", seed, results(4)),
        ]
    return summarise(records)


def test_rows_hold_both_transfers_and_the_gap(make_test: MakeTest) -> None:
    summary = study_of(make_test)
    assert [row.dataset for row in summary.rows] == ["real", "good", "pretty"]
    real, good, pretty = summary.rows
    assert real.from_real is None
    assert real.gap is None
    assert len(good.seeds) == 3
    assert good.gap is not None
    assert good.gap.high < 0
    assert pretty.to_real is not None
    assert pretty.from_real is not None
    assert pretty.from_real.low > pretty.to_real.high
    assert summary.complete


def test_unplanned_pairs_are_compared(make_test: MakeTest) -> None:
    summary = study_of(make_test)
    (pair,) = summary.comparisons
    assert (pair.a, pair.b) == ("good", "pretty")
    assert pair.to_real.low > 0.2


def test_a_planned_comparison_is_not_corrected_for_multiplicity(make_test: MakeTest) -> None:
    datasets: dict[str, dict[str, str]] = {"good": {}, "pretty": {"control": "good"}}
    summary = study_of(make_test, STUDY.model_copy(update={"file": study_file(datasets)}))
    (pair,) = summary.comparisons
    assert (pair.a, pair.b, pair.planned, pair.to_real.level) == ("pretty", "good", True, 0.95)
    [planned] = [
        s for s in summary.answer if s.startswith("Pre-registered comparison of pretty with its control good: -")
    ]
    assert "accuracy on real images, significant" in planned
    assert not any("unplanned" in s for s in summary.answer)


def test_the_answer_states_the_results_in_sentences(make_test: MakeTest) -> None:
    answer = " ".join(study_of(make_test).answer)
    assert "guessing reaches 50.0%" in answer
    assert "higher than that of pretty" in answer
    assert "of the images of pretty: they are easier to recognise than to learn from" in answer
    assert "1 of 1 unplanned pairs" in answer


def test_deleted_records_are_reported(make_test: MakeTest) -> None:
    group = CellGroupRecord(architecture="small", recipe="small", cells=[("small", "small", "rgb")])
    study = STUDY.model_copy(update={"file": study_file({"good": {}}, seeds=[0, 1]), "cell_groups": [group]})
    runs = [run(name, seed, make_test([5, 6, 7, 8])) for name, seed in (("real", 0), ("real", 1), ("good", 1))]
    summary = summarise([study, dataset("real"), dataset("good"), *runs])
    assert summary.problems == ("small on good, seed 0: its record is missing",)


def test_missing_draws_are_reported_and_the_others_are_used(make_test: MakeTest) -> None:
    group = CellGroupRecord(architecture="small", recipe="small", cells=[("small", "small", "rgb")])
    study = STUDY.model_copy(update={"file": study_file({"good": {"draws": 3}}, seeds=[0, 1]), "cell_groups": [group]})
    good = dataset("good").model_copy(update={"draws": 3})
    right = {(0, 0): 5, (0, 1): 7, (1, 0): 4, (1, 1): 6}
    runs = [run("good", seed, make_test([level] * 8), draw=draw) for (draw, seed), level in right.items()]
    runs += [run("good", 0, status="failed", draw=2), *(run("real", seed, make_test([8, 9] * 4)) for seed in (0, 1))]
    summary = summarise([study, dataset("real"), good, *runs])
    assert summary.problems == (
        "small on good, draw 2, seed 0: failed (train: RuntimeError: no luck)",
        "small on good, draw 2, seed 1: its record is missing",
    )
    row = summary.rows[1]
    assert row.draws == pytest.approx({0: 0.6, 1: 0.5})
    assert row.seeds == pytest.approx((0.45, 0.65))
    assert row.to_real is not None
    assert row.to_real.mean == pytest.approx(0.55)
    assert summary.rows[0].draws == pytest.approx({0: 0.85})


def test_a_single_seed_is_reported(make_test: MakeTest) -> None:
    study = STUDY.model_copy(update={"file": study_file({}, seeds=[0])})
    assert (
        "only one training seed"
        in summarise([study, dataset("real"), run("real", 0, make_test([5, 6, 7, 8]))]).answer[-1]
    )


def test_missing_and_failed_records_are_reported_and_excluded(make_test: MakeTest) -> None:
    records: list[Record] = [
        STUDY,
        dataset("real"),
        dataset("bad", status="missing"),
        run("real", 0, make_test([9, 8, 9, 8])),
        run("bad", 0, status="failed"),
    ]
    summary = summarise(records)
    assert not summary.complete
    assert summary.problems == (
        "data set bad: missing",
        "small on bad, seed 0: failed (train: RuntimeError: no luck)",
    )
    assert summary.rows[1].to_real is None
    assert summary.rows[1].seeds == ()


def test_a_study_without_results_can_be_summarised() -> None:
    summary = summarise([STUDY])
    assert summary.answer == ("No run is complete yet, so there are no results.",)


def test_the_baseline_has_equally_many_images(make_test: MakeTest) -> None:
    records: list[Record] = [STUDY, dataset("real", n=10), dataset("real", n=50), dataset("few"), dataset("many", n=50)]
    for n, level in ((10, 5), (50, 9)):
        records += [run("real", 0, make_test([level] * 4 + [level - 1] * 4), n=n)]
    records += [run("few", 0, make_test([5, 4] * 4)), run("many", 0, make_test([5, 4] * 4), n=50)]
    gaps = {row.dataset: row.gap.mean for row in summarise(records).rows if row.gap}
    assert abs(gaps["few"]) < 0.05
    assert gaps["many"] < -0.3


def test_only_runs_of_the_same_seed_are_paired(make_test: MakeTest) -> None:
    """Seed 0 of one and seed 2 of the other are missing: only seed 1 is in both."""
    right = {("real", 0): 9, ("real", 1): 7, ("good", 1): 7, ("good", 2): 2}
    tests = {key: make_test([level, level - 1] * 4) for key, level in right.items()}
    records: list[Record] = [
        STUDY,
        dataset("real"),
        dataset("good"),
        *(run(name, seed, test) for (name, seed), test in tests.items()),
    ]
    good = next(row for row in summarise(records).rows if row.dataset == "good")
    assert good.gap is None or abs(good.gap.mean) < 0.01


def test_intervals_widen_with_the_number_of_pairs(make_test: MakeTest) -> None:
    """Three simultaneous intervals have a level of 1 - 0.05 / 3 each."""
    rng = np.random.default_rng(0)
    names = ["a", "b", "c"]
    records: list[Record] = [STUDY, *(dataset(name) for name in names)]
    for seed in range(3):
        records += [run(name, seed, make_test(rng.integers(3, 9, 40))) for name in names]
    three = {(c.a, c.b): c.to_real for c in summarise(records).comparisons}
    assert set(three) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert [pair.level for pair in three.values()] == pytest.approx([1 - 0.05 / 3] * 3)
    two = [r for r in records if getattr(r, "dataset", "") != "c" and getattr(r, "name", "") != "c"]
    (single,) = summarise(two).comparisons
    assert single.to_real.mean == three["a", "b"].mean
    assert three["a", "b"].low < single.to_real.low < single.to_real.high < three["a", "b"].high


def test_generated_data_sets_are_ranked_and_real_images_are_not(make_test: MakeTest) -> None:
    rank_ranges = {row.dataset: row.rank_range for row in study_of(make_test).rows}
    assert rank_ranges["real"] is None
    assert rank_ranges["good"] is not None
    assert rank_ranges["pretty"] is not None
    assert (rank_ranges["good"].rank, rank_ranges["pretty"].rank) == (1, 2)
    assert rank_ranges["good"].high == 1  # the only pair differs significantly
