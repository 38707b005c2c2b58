"""Records of a plan, from a complete store, an empty store and an incomplete store."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import CorruptArtifactError
from prettyuseful.plan.gather import gather_records
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
    (study,) = (record for record in records if isinstance(record, StudyRecord))
    return study


def datasets_of(records: Sequence[Record]) -> dict[str, DatasetRecord]:
    return {record.name: record for record in records if isinstance(record, DatasetRecord)}


def runs_of(records: Sequence[Record]) -> list[RunRecord]:
    return [record for record in records if isinstance(record, RunRecord)]


def test_gathered_records_equal_the_written_records(plan: Plan, finished: Path) -> None:
    records = gather_records(plan, LocalStore(finished / "store"))
    assert records == read_records(finished / "out" / "records")
    real, tiny = (datasets_of(records)[name] for name in ("real", "tiny"))
    assert (real.control, real.holds_real, real.prompts, real.seed, real.generator) == (True, False, None, None, None)
    assert (tiny.control, tiny.prompts, tiny.seed, tiny.of) == (False, "class-name", 0, None)
    assert [len(samples) for samples in tiny.samples] == [7, 7]
    assert [(measure.encoder, measure.subject, measure.reencoded is None) for measure in tiny.measured] == [
        ("real-trained", "data-set", True),
        ("real-trained", "data-set", False),
    ]
    assert {measure.subject for measure in real.measured} == {"real-test", "real-train"}


def test_findings_of_the_data_checks_are_in_the_records_of_what_was_checked(
    plan: Plan, finished: Path, empty: LocalStore
) -> None:
    datasets = datasets_of(gather_records(plan, LocalStore(finished / "store")))
    for name in ("real", "tiny"):
        found = datasets[name].findings
        assert found is not None
        assert {finding.check for finding in found} >= {"few_images"}
        assert {finding.set for finding in found} <= {name, "real test"}
    assert all(dataset.findings is None for dataset in datasets_of(gather_records(plan, empty)).values())


def test_transfer_kinds_depend_on_training_and_test_data(plan: Plan, finished: Path) -> None:
    kinds = {
        (run.dataset, transfer.tested_on): transfer.kind
        for run in runs_of(gather_records(plan, LocalStore(finished / "store")))
        for transfer in run.transfers
    }
    assert kinds == {
        ("real", "real"): "real_to_real",
        ("real", "tiny"): "real_to_synth",
        ("real", "captioned"): "real_to_synth",
        ("tiny", "real"): "synth_to_real",
        ("captioned", "real"): "synth_to_real",
    }


def test_with_an_empty_store_all_results_are_missing(plan: Plan, empty: LocalStore) -> None:
    records = gather_records(plan, empty)
    study = study_of(records)
    assert (study.title, study.file, study.task.name) == ("small", plan.study, plan.task.name)
    assert (study.task.chance, study.task.test_images_per_class) == (0.5, ClassCounts(14))
    assert {run.status for run in runs_of(records)} == {"missing"}
    for record in datasets_of(records).values():
        assert (record.status, record.measured, record.samples) == ("missing", [], [])
    assert all(run.transfers == [] and run.environment is None for run in runs_of(records))


def test_blocked_results_have_the_failure_as_their_cause(plan: Plan, empty: LocalStore) -> None:
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    waits = {tiny.key}
    for key, step in plan.steps.items():
        if waits & {*step.inputs.values()}:
            waits.add(key)
    broken = next(key for key in plan.steps[tiny.key].inputs.values() if plan.steps[key].spec.kind == "generate")
    records = gather_records(plan, empty, Outcome(failed={broken: "the sampler gave up"}, blocked=waits))
    cause = f"{plan.steps[broken].label}: the sampler gave up"
    assert (datasets_of(records)["tiny"].status, datasets_of(records)["tiny"].cause) == ("failed", cause)
    assert (datasets_of(records)["captioned"].status, datasets_of(records)["captioned"].cause) == ("missing", None)
    assert {(run.status, run.cause) for run in runs_of(records) if run.dataset != "captioned"} == {("failed", cause)}
    assert {run.status for run in runs_of(records) if run.dataset == "captioned"} == {"missing"}


def test_records_of_unfinished_runs_hold_the_existing_results(plan: Plan, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "store")
    lost = next(run for run in plan.runs if run.dataset == "real").evaluations["tiny"]
    (manifest,) = (tmp_path / "store" / "manifests").rglob(f"{lost}*.json")
    manifest.unlink()
    before, after = (runs_of(gather_records(plan, LocalStore(place / "store"))) for place in (finished, tmp_path))
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    ((whole, left),) = changed
    assert (whole.status, left.status, left.cause) == ("complete", "missing", None)
    assert left.transfers == [transfer for transfer in whole.transfers if transfer.tested_on != "tiny"]
    assert left.environment == whole.environment


def test_what_too_few_groups_prevent_is_a_note(plan: Plan, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "store")
    store, reason = LocalStore(tmp_path / "store"), "use images from more groups"
    for manifest in [manifest for manifest in store.list() if manifest.step == "measure"]:
        store.discard([manifest.key])
        store.commit(manifest.model_copy(update={"facts": {"not_measured": reason}}))
    records = gather_records(plan, store)
    assert [record.measured for record in datasets_of(records).values()] == [[], [], []]
    labels = ", ".join(dataset.label for dataset in plan.datasets)
    names = [metric.name for metric in plan.metrics]
    assert f"Not measured for {labels}: {', '.join(names)} ({reason})." in study_of(records).notes


FORGERIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "share": ("evaluate", {"facts": {"top1": 2}}, "facts.top1 = 2: input should be less than or equal to 1"),
    "groups": ("evaluate", {"facts": {"groups": None}}, "facts.groups: input should be a valid list"),
    "other": ("evaluate", {"facts": {"odd": 1}}, "facts.odd = 1: extra inputs are not permitted"),
    "epoch": ("train", {"facts": {"last_epoch": []}}, "facts.last_epoch: input should be a valid dictionary"),
    "machine": ("train", {"environment": {"python": []}}, "environment.python: input should be a valid string"),
    "metric": ("measure", {"facts": {"numbers": 1}}, "facts: AttributeError: 'int' object has no attribute 'items'"),
    "classes": ("measure", {"facts": {"images_per_class": "x"}}, "facts.images_per_class"),
    "quality": ("re-encode", {"facts": {"quality": "high"}}, "facts.quality = high: input should be a valid integer"),
    "applied": ("collect", {"facts": {"applied": 1}}, "facts.applied = 1: input should be a valid dictionary"),
    "sample": ("sample", {"files": b'[["a"], 1]'}, "samples.json.1 = 1: input should be a valid"),
    "findings": ("check", {"files": b"{"}, "findings.json: invalid JSON"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_nobody_can_have_written_is_named_and_can_be_made_again(
    plan: Plan, finished: Path, tmp_path: Path, name: str
) -> None:
    kind, changes, problem = FORGERIES[name]
    shutil.copytree(finished / "store", tmp_path / "store")
    store = LocalStore(tmp_path / "store")
    wanted = dict.fromkeys(plan.result_keys)
    whole = next(manifest for manifest in store.list() if manifest.step == kind and manifest.key in wanted)
    forged = whole
    for field, change in changes.items():
        if field == "files":
            (tmp_path / "file").write_bytes(change)
            files = [store.put_file(entry.name, tmp_path / "file") for entry in whole.files]
            forged = forged.model_copy(update={"files": tuple(files)})
        else:
            forged = forged.model_copy(update={field: {**getattr(whole, field), **change}})
    store.discard([whole.key])
    store.commit(forged)
    with pytest.raises(CorruptArtifactError) as raised:
        gather_records(plan, store)
    remedy = re.search(r"; delete (\S+) and run again", str(raised.value))
    assert remedy is not None
    assert f": the artifact {whole.key[:12]} in the store {store.url} holds" in str(raised.value)
    assert problem in str(raised.value)
    Path(remedy[1]).unlink()
    assert list(plan.missing_steps(store)) == [whole.key]
    store.commit(whole)
    assert gather_records(plan, store) == gather_records(plan, LocalStore(finished / "store"))


@pytest.mark.parametrize(
    ("metrics", "encoders"),
    [
        ("[]", []),
        ("[coverage]", ["inception"]),
        ("[coverage, label-agreement]", ["inception", "real-trained"]),
    ],
)
def test_only_used_encoders_are_recorded(
    study_text: Callable[..., str], empty: LocalStore, tmp_path: Path, metrics: str, encoders: list[str]
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"weights")
    more = f"metrics: {metrics}\nencoders: [{{name: inception, weights: {tmp_path}/weights.pth}}]\n"
    study = study_of(gather_records(make_plan(parse_study(study_text(more=more))), empty))
    assert [*study.encoders] == encoders
    assert [metric.name for metric in study.metrics] == metrics.strip("[]").replace(",", "").split()
    if "real-trained" in encoders:
        assert study.encoders["real-trained"] == "penultimate layer of small trained on the task's real images"


def test_descriptions_of_user_defined_rows_come_from_the_plan(
    study_text: Callable[..., str], empty: LocalStore, tmp_path: Path
) -> None:
    """Records do not depend on a plug-in file that changes or disappears while the study runs."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from prettyuseful.encoders.table import EncoderRow\n"
        "ENCODER = EncoderRow('mine', 'one of mine', lambda weights, numerics: None)\n"
    )
    plan = make_plan(parse_study(study_text(more=f"metrics: [coverage]\nencoders: ['{file}:ENCODER']\n")))
    file.unlink()
    assert study_of(gather_records(plan, empty)).encoders == {"mine": "one of mine"}
