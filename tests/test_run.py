"""A study as a whole: what it leaves, that it is made once, and that two runs may share a store."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import load_dataset

from prettyuseful.run import remaining_steps, run_study
from prettyuseful.store.base import Manifest
from prettyuseful.store.local import LocalStore
from prettyuseful.study.execute import Event
from prettyuseful.study.file import Study, load_study, parse_study
from prettyuseful.study.plan import make_plan
from prettyuseful.study.records import DatasetRecord, RunRecord, StudyRecord, read_records

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()", "run"]


def files_of(store: Path) -> dict[str, list[tuple[str, str]]]:
    """Every artifact's files by key: names and digests."""
    return {m.key: [(f.name, f.sha256) for f in m.files] for m in LocalStore(store).list()}


@pytest.fixture(scope="module")
def study_file(study_text: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(study_text(images=10, seeds="[0, 1]"))
    return path


@pytest.fixture(scope="module")
def wanted(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """The artifacts of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    run_study(load_study(study_file), folder / "store", folder / "out", workers=1)
    return files_of(folder / "store")


def start(study_file: Path, store: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, str(study_file), "--store", str(store), "--out", str(out), "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_two_runs_share_a_store(study_file: Path, wanted: dict[str, list[tuple[str, str]]], tmp_path: Path) -> None:
    store = tmp_path / "store"
    processes = [start(study_file, store, tmp_path / f"out{i}") for i in range(2)]
    assert [process.wait(180) for process in processes] == [0, 0]
    assert files_of(store) == wanted
    first, second = (read_records(tmp_path / f"out{i}" / "records") for i in range(2))
    assert first == second


def study_of(finished: Path) -> Study:
    record = read_records(finished / "out" / "records")[0]
    assert isinstance(record, StudyRecord)
    return Study.model_validate(record.study)


def test_a_second_run_makes_nothing_and_says_the_same(finished: Path, tmp_path: Path) -> None:
    before, study = files_of(finished / "store"), study_of(finished)
    assert remaining_steps(make_plan(study), LocalStore(finished / "store")) == {}
    events: list[Event] = []
    result = run_study(study, finished / "store", tmp_path, workers=1, on_event=events.append)
    assert events == []
    assert files_of(finished / "store") == before
    assert read_records(result.records) == read_records(finished / "out" / "records")


def test_a_lost_shard_is_made_again_alone(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "store")
    store, study = LocalStore(tmp_path / "store"), study_of(finished)
    before = files_of(store.root)
    shard = next(m for m in store.list() if m.step == "generate").files[0].sha256
    (store.root / "objects" / shard[:2] / shard).unlink()
    plan = make_plan(study)
    kinds = sorted(step.spec.kind for step in remaining_steps(plan, store).values())
    assert kinds == ["collect", "generate"]
    assert run_study(study, store.root, tmp_path / "out", workers=1).complete
    assert files_of(store.root) == before


def test_data_sets_lie_where_anyone_can_load_them(finished: Path, tmp_path: Path) -> None:
    folder = finished / "out" / "datasets" / "told"
    found = load_dataset(str(folder), split="train", cache_dir=str(tmp_path))
    assert len(found) == 14
    assert found.features["label"].names == ["blue", "red"]
    assert found[0]["image"].size == (16, 16)
    assert found[0]["prompt"].startswith("blue, a ")
    record = next(
        r for r in read_records(finished / "out" / "records") if isinstance(r, DatasetRecord) and r.name == "told"
    )
    assert Manifest.model_validate_json((folder / "manifest.json").read_text()).key == record.keys["dataset"]


def test_a_failed_step_is_a_failed_record(study_text: Callable[..., str], tmp_path: Path) -> None:
    text = study_text(seeds="[0]") + "metrics: []\n"
    study = parse_study(text.replace("micro_batch: 4", "micro_batch: 4, device: cuda"))
    result = run_study(study, tmp_path / "store", tmp_path / "out", workers=1)
    assert not result.complete
    records = read_records(result.records)
    statuses = {(r.record, r.status) for r in records if not isinstance(r, StudyRecord)}
    assert statuses == {("dataset", "complete"), ("dataset", "failed"), ("run", "failed")}
    causes = [r.cause for r in records if isinstance(r, RunRecord)]
    assert all(cause is not None and "no CUDA device" in cause for cause in causes)
    assert result.report.exists()
