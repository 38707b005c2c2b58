"""Records of a plan: from a whole store, from an empty one, and from one that lacks something."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.gather import gather
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import DatasetRecord, Record, RunRecord, StudyRecord, read_records
from prettyuseful.study.reading import load_study, parse_study


@pytest.fixture
def plan(finished: Path) -> Plan:
    return make_plan(load_study(finished / "my.yaml"))


@pytest.fixture
def empty(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "empty")


def study_of(records: Sequence[Record]) -> StudyRecord:
    (found,) = (record for record in records if isinstance(record, StudyRecord))
    return found


def datasets_of(records: Sequence[Record]) -> dict[str, DatasetRecord]:
    return {record.name: record for record in records if isinstance(record, DatasetRecord)}


def runs_of(records: Sequence[Record]) -> list[RunRecord]:
    return [record for record in records if isinstance(record, RunRecord)]


def test_what_is_in_the_store_is_the_study_that_was_run(plan: Plan, finished: Path) -> None:
    found = gather(plan, LocalStore(finished / "store"))
    assert found == read_records(finished / "out" / "records")
    real, tiny = (datasets_of(found)[name] for name in ("real", "tiny"))
    assert (real.control, real.holds_real, real.prompts, real.seed, real.generator) == (True, False, None, None, None)
    assert (tiny.control, tiny.prompts, tiny.seed, tiny.of) == (False, "class-name", 0, None)
    assert [len(samples) for samples in tiny.samples] == [7, 7]
    assert [(measure.encoder, measure.subject, measure.reencoded is None) for measure in tiny.measured] == [
        ("real-trained", "data-set", True),
        ("real-trained", "data-set", False),
    ]
    assert {measure.subject for measure in real.measured} == {"real-test", "real-train"}


def test_transfers_are_named_by_what_was_trained_and_tested_on(plan: Plan, finished: Path) -> None:
    kinds = {
        (run.dataset, transfer.tested_on): transfer.kind
        for run in runs_of(gather(plan, LocalStore(finished / "store")))
        for transfer in run.transfers
    }
    assert kinds == {
        ("real", "real"): "real_to_real",
        ("real", "tiny"): "real_to_synth",
        ("real", "told"): "real_to_synth",
        ("tiny", "real"): "synth_to_real",
        ("told", "real"): "synth_to_real",
    }


def test_of_an_empty_store_everything_is_missing_but_the_study(plan: Plan, empty: LocalStore) -> None:
    found = gather(plan, empty)
    study = study_of(found)
    assert (study.title, study.file, study.task.name) == ("small", plan.study, plan.task.name)
    assert (study.task.chance, study.task.test_images_per_class) == (0.5, 14)
    assert {run.status for run in runs_of(found)} == {"missing"}
    for record in datasets_of(found).values():
        assert (record.status, record.measured, record.samples) == ("missing", [], [])
    assert all(run.transfers == [] and run.environment is None for run in runs_of(found))


def test_a_failure_is_the_cause_of_all_that_waits_for_it(plan: Plan, empty: LocalStore) -> None:
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    waits = {tiny.key}
    for key, step in plan.steps.items():
        if waits & {*step.inputs.values()}:
            waits.add(key)
    broken = next(key for key in plan.steps[tiny.key].inputs.values() if plan.steps[key].spec.kind == "generate")
    found = gather(plan, empty, Outcome(failed={broken: "the sampler gave up"}, blocked=waits))
    cause = f"{plan.steps[broken].label}: the sampler gave up"
    assert (datasets_of(found)["tiny"].status, datasets_of(found)["tiny"].cause) == ("failed", cause)
    assert (datasets_of(found)["told"].status, datasets_of(found)["told"].cause) == ("missing", None)
    assert {(run.status, run.cause) for run in runs_of(found) if run.dataset != "told"} == {("failed", cause)}
    assert {run.status for run in runs_of(found) if run.dataset == "told"} == {"missing"}


def test_what_is_there_of_an_unfinished_run_is_in_its_record(plan: Plan, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "store")
    lost = next(run for run in plan.runs if run.dataset == "real").evaluations["tiny"]
    (manifest,) = (tmp_path / "store" / "manifests").rglob(f"{lost}*.json")
    manifest.unlink()
    before, after = (runs_of(gather(plan, LocalStore(place / "store"))) for place in (finished, tmp_path))
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    ((whole, left),) = changed
    assert (whole.status, left.status, left.cause) == ("complete", "missing", None)
    assert left.transfers == [transfer for transfer in whole.transfers if transfer.tested_on != "tiny"]
    assert left.environment == whole.environment


@pytest.mark.parametrize(
    ("metrics", "encoders"),
    [
        ("[]", []),
        ("[coverage]", ["inception"]),
        ("[coverage, label-agreement]", ["inception", "real-trained"]),
    ],
)
def test_encoders_are_those_that_something_is_compared_by(
    study_text: Callable[..., str], empty: LocalStore, tmp_path: Path, metrics: str, encoders: list[str]
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"weights")
    more = f"metrics: {metrics}\nencoders: [{{name: inception, weights: {tmp_path}/weights.pth}}]\n"
    study = study_of(gather(make_plan(parse_study(study_text(more=more))), empty))
    assert [*study.encoders] == encoders
    assert [metric.name for metric in study.metrics] == metrics.strip("[]").replace(",", "").split()
    if "real-trained" in encoders:
        assert study.encoders["real-trained"] == "penultimate layer of small trained on the task's real images"


def test_words_of_rows_of_ones_own_are_those_of_the_plan(
    study_text: Callable[..., str], empty: LocalStore, tmp_path: Path
) -> None:
    """A file that has changed or is gone while its study ran loses no record of it."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from prettyuseful.encoders.table import EncoderRow\n"
        "ENCODER = EncoderRow('mine', 'one of mine', lambda weights, numerics: None)\n"
    )
    plan = make_plan(parse_study(study_text(more=f"metrics: [coverage]\nencoders: ['{file}:ENCODER']\n")))
    file.unlink()
    assert study_of(gather(plan, empty)).encoders == {"mine": "one of mine"}
