from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import shard_name
from prettyuseful.data.image_lists import ListedPath, format_image_list, read_image_list
from prettyuseful.engine.step import Job, Step, StepSpec, run_step
from prettyuseful.engine.store.base import Artifact, Manifest
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError
from prettyuseful.plan.gather import gather_records
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import read_records, write_records
from prettyuseful.results import (
    LOG,
    check_dataset_folder,
    check_output_folder,
    export_dataset,
    export_image_lists,
    export_training_logs,
    write_results,
)
from prettyuseful.steps.culprits import CULPRITS
from prettyuseful.study.reading import load_study


@pytest.fixture
def plan(finished: Path) -> Plan:
    return make_plan(load_study(finished / "my.yaml"))


def test_every_training_has_a_log_and_tensorboard_events(finished: Path, plan: Plan, tmp_path: Path) -> None:
    for _ in range(2):  # a second export must not duplicate the points
        export_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == len(plan.runs)
    for folder in folders:
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        events = EventAccumulator(str(folder)).Reload()
        assert set(events.Tags()["scalars"]) == lines[0].keys() - {"epoch"}
        points = [(event.step, event.value) for event in events.Scalars("loss")]
        assert points == [(line["epoch"], pytest.approx(line["loss"])) for line in lines]


def test_without_tensorboard_only_json_logs_are_written(
    finished: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.results.find_spec", lambda _: None)
    export_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    assert {path.name for folder in tmp_path.iterdir() for path in folder.iterdir()} == {LOG}


def files(folder: Path) -> dict[str, bytes]:
    """The contents of all files by path. The report is left out: it shows the times of its records."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "report.html")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def write_all(plan: Plan, finished: Path, out: Path) -> None:
    store = LocalStore(finished / "store")
    check_output_folder(plan, out)
    records = gather_records(plan, store)
    write_records(records, out / "records")
    write_results(plan, store, records, out)


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A folder with the results of the study, which may be changed."""
    return Path(shutil.copytree(finished / "out", tmp_path / "out"))


def test_files_of_others_stay_in_the_output_folder(finished: Path, plan: Plan, out: Path) -> None:
    run = next((out / "training").iterdir())
    dataset, records = out / "datasets" / "tiny", out / "records"
    (dataset / shard_name(0, 1)).write_bytes(b"a table of mine")
    mine = [dataset / name for name in ("data-mine.parquet", "notes.md", "data-1.parquet", shard_name(0, 1))]
    mine += [records / name for name in ("run@mine.json", "dataset@mine.json", "dataset@real@1.json", "mine.json")]
    mine += [run / "notes.txt", run / "events.out.tfevents.1.mine", out / "training" / "mine" / "x", out / "index.html"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"mine {path}")
    mine.append(records / "run@copy.json")
    shutil.copy(next(records.glob("run@tiny*")), mine[-1])
    before = {path: path.read_bytes() for path in mine}
    (run / LOG).write_text('{"epoch": 1, "loss": 9}\n')  # of an earlier training
    write_all(plan, finished, out)
    assert {path: path.read_bytes() for path in mine} == before


def test_results_of_earlier_studies_are_removed(finished: Path, plan: Plan, out: Path) -> None:
    """Also those of earlier versions of the records."""
    before = files(out)
    shard = next((out / "datasets" / "tiny").glob("data-*"))
    shutil.copy(shard, shard.with_name(shard_name(7, 9)))
    run = json.loads(next((out / "records").glob("run@tiny@*")).read_text())
    run |= {"schema_version": 1, "dataset": "older", "seed": 5, "unknown": 1}
    (out / "records" / "run@older@small@small@rgb@5.json").write_text(json.dumps(run))
    curve = run | {"dataset": "real", "images_per_class": [1, 2], "steps_of": 7}
    name = f"run@real@{ClassCounts([1, 2]).label}@steps-of-7@small@small@rgb@5.json"
    (out / "records" / name).write_text(json.dumps(curve))
    (out / "records" / "dataset@older.json").write_text(
        json.dumps({"schema_version": 2, "record": "dataset", "name": "older", "images_per_class": 7})
    )
    write_all(plan, finished, out)
    assert files(out).keys() == before.keys()


@pytest.mark.parametrize(
    "name", ["report.html", "records/dataset@tiny.json", "datasets/tiny/README.md", "datasets/tiny/manifest.json"]
)
def test_a_file_of_others_with_the_name_of_a_result_is_found_before_the_run(
    plan: Plan, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreError, match=r"is not a file of prettyuseful, and is not replaced; move it"):
        check_output_folder(plan, tmp_path)
    assert files(tmp_path).get(name, b"mine") == b"mine"


def test_an_edited_card_is_kept(finished: Path, plan: Plan, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = out / "datasets" / "tiny" / "README.md"
    before = card.read_text()
    card.write_text(before + "my notes")
    write_all(plan, finished, out)
    assert card.read_text() == before + "my notes"
    assert [record.message for record in caplog.records] == [f"{card} was edited and is kept; delete it for a new one"]
    card.unlink()
    write_all(plan, finished, out)
    assert card.read_text() == before


def test_links_in_the_output_folder_lead_to_no_deletion(finished: Path, plan: Plan, out: Path, tmp_path: Path) -> None:
    run = next((out / "training").iterdir())
    before = files(out)
    for name in ("records", "datasets/tiny", f"training/{run.name}"):
        (out / name).rename(tmp_path / "elsewhere")
        shutil.copy(next((finished / "out" / "datasets" / "tiny").glob("data-*")), tmp_path / shard_name(3, 4))
        stale = tmp_path / "elsewhere" / shard_name(3, 4)
        shutil.move(tmp_path / stale.name, stale)
        (tmp_path / "elsewhere" / "dataset@old.json").write_text(
            json.dumps({"schema_version": 3, "record": "dataset", "name": "old", "images_per_class": 7})
        )
        linked = files(tmp_path / "elsewhere")
        (out / name).symlink_to(tmp_path / "elsewhere")
        write_all(plan, finished, out)
        assert (out / name).is_symlink()
        assert files(tmp_path / "elsewhere").keys() == linked.keys()
        (out / name).unlink()
        (tmp_path / "elsewhere" / "dataset@old.json").unlink()
        stale.unlink()
        (tmp_path / "elsewhere").rename(out / name)
        assert files(out).keys() == before.keys()


class Changed:
    """An artifact whose manifest has other files; a received store may contain any."""

    def __init__(self, artifact: Artifact, names: list[str]) -> None:
        entry = artifact.manifest.files[0]
        entries = [entry.model_construct(**{**entry.model_dump(), "name": name}) for name in names]
        self.artifact = artifact
        self.manifest: Manifest = artifact.manifest.model_construct(
            **{**{name: getattr(artifact.manifest, name) for name in Manifest.model_fields}, "files": tuple(entries)}
        )

    def path(self, name: str) -> Path:
        return self.artifact.path(self.artifact.manifest.files[0].name if name else name)


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/x", "README.md", "manifest.json", "..", "data-0.parquet", "sub/" + shard_name(0, 1)]
)
def test_a_manifest_cannot_name_other_files_than_shards(finished: Path, plan: Plan, tmp_path: Path, name: str) -> None:
    dataset = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    artifact = LocalStore(finished / "store").read(dataset.key)
    assert artifact is not None
    with pytest.raises(StoreError, match=r"is not a data set, because it contains the file .*; check the store"):
        export_dataset(Changed(artifact, [shard_name(0, 2), name]), dataset, plan, tmp_path / "out" / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_manifest_does_not_say_what_is_removed(
    finished: Path, plan: Plan, out: Path, tmp_path: Path
) -> None:
    folder, mine = out / "datasets" / "tiny", tmp_path / "mine.parquet"
    shutil.copy(next(folder.glob("data-*")), mine)
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("../../../mine.parquet", str(mine), "data-mine.parquet"):
        manifest["files"].append({**manifest["files"][0], "name": name})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(mine, folder / "data-mine.parquet")
    write_all(plan, finished, out)
    assert mine.exists()
    assert (folder / "data-mine.parquet").exists()
    assert (folder / "manifest.json").read_bytes() == (
        finished / "out" / "datasets" / "tiny" / "manifest.json"
    ).read_bytes()


def test_a_folder_for_a_data_set_has_no_other_files(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished / "out" / "datasets" / "tiny", tmp_path / "tiny"))
    (folder / ".hidden").touch()
    check_dataset_folder(folder)
    for name in ("data-mine.parquet", "data-00001.parquet", shard_name(3, 4), "README.md", "manifest.json"):
        content = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_text("mine")
        with pytest.raises(StoreError, match=r"contains other files|is not a file of prettyuseful"):
            check_dataset_folder(folder)
        assert (folder / name).read_text() == "mine"
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe")
    with pytest.raises(StoreError, match=r"contains other files \(pipe\)"):
        check_dataset_folder(folder)


# Kills itself before one of the calls that change the output folder, the one of that number.
KILLED = """
import os, signal, sys
from pathlib import Path
number = calls = 0
def before(function):
    def call(*args, **kwargs):
        global calls
        if str(args[0]).startswith(sys.argv[3]):
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call
from prettyuseful.report import build
from tests.test_results import write_all
build.render = lambda _: build.REPORT_MARK.decode()
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import load_study
finished, out = Path(sys.argv[2]), Path(sys.argv[3])
plan = make_plan(load_study(finished / "my.yaml"))
for name in ("replace", "rename", "mkdir", "unlink", "link", "symlink"):
    setattr(os, name, before(getattr(os, name)))
for number in map(int, sys.argv[1].split(",")):
    if (child := os.fork()) == 0:
        calls = 0
        write_all(plan, finished, out)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.integration
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_kill_while_results_are_written_leaves_nothing_that_stays(
    finished: Path, plan: Plan, tmp_path: Path, every: int
) -> None:
    write_all(plan, finished, tmp_path / "expected")
    numbers = ",".join(map(str, [*range(2, 60, every), 1, 60, 80, 100]))
    command = [sys.executable, "-c", KILLED, numbers, str(finished), str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    codes = [int(line) for line in ended.stdout.split()]
    assert codes.count(-signal.SIGKILL) > 27 / every, ended.stderr
    write_all(plan, finished, tmp_path / "out")
    assert files(tmp_path / "out").keys() == files(tmp_path / "expected").keys()
    assert not list((tmp_path / "out").rglob(".*"))
    assert read_records(tmp_path / "out" / "records") == gather_records(plan, LocalStore(finished / "store"))


class Listed(StepSpec):
    """Replaces a diagnosis: stores a list of images."""

    kind = "listed"
    paths: tuple[str, ...]

    def make(self, job: Job) -> dict[str, object]:
        lines = [ListedPath(path, "cat", "labels", 0.5) for path in self.paths]
        (job.folder / CULPRITS).write_text(format_image_list(lines), "utf-8")
        return {}


class Lists:
    """A store with diagnoses of `base`, and a folder to which their lists are written."""

    def __init__(self, folder: Path) -> None:
        self.store, self.folder, self.file = (
            LocalStore(folder / "store"),
            folder / "findings",
            folder / "findings/base.csv",
        )

    def export(self, *paths: str) -> dict[str, Path]:
        step = Step(Listed(paths=paths), {}, "a step", 1)
        run_step(step, self.store, lambda _: None)
        planned = SimpleNamespace(label="base", keys={"diagnose": step.key})
        plan = SimpleNamespace(datasets=[SimpleNamespace(label="real", keys={}), planned])
        return export_image_lists(cast("Plan", plan), self.store, self.folder)


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    return Lists(tmp_path)


def test_lists_of_images_are_written_and_replaced_by_the_next_run(lists: Lists) -> None:
    assert lists.export("a.png") == {"base": lists.file}
    assert "a.png,cat,labels,0.5000,," in lists.file.read_text("utf-8")
    lists.export("b.png")
    assert [line.path for line in read_image_list(lists.file)] == ["b.png"]
    assert {path.name for path in lists.folder.iterdir()} == {"base.csv", "SHA256SUMS"}
    digest = hashlib.sha256(lists.file.read_bytes()).hexdigest()
    assert (lists.folder / "SHA256SUMS").read_text() == f"{digest}  base.csv\n"


def test_a_list_that_the_user_has_edited_is_kept(lists: Lists, caplog: pytest.LogCaptureFixture) -> None:
    lists.export("a.png", "b.png")
    edited = lists.file.read_text("utf-8").replace("a.png,cat,labels,0.5000,,\n", "")
    lists.file.write_text(edited, "utf-8")
    for path in ("a.png", "c.png"):
        assert lists.export(path) == {"base": lists.file}
        assert lists.file.read_text("utf-8") == edited
        assert "base.csv was edited and is kept" in caplog.messages[-1]
    lists.file.unlink()
    lists.export("c.png")
    assert [line.path for line in read_image_list(lists.file)] == ["c.png"]


def test_a_file_of_somebody_else_is_not_replaced(lists: Lists) -> None:
    lists.folder.mkdir()
    lists.file.write_text("path,mine\n")
    with pytest.raises(StoreError, match=r"base\.csv is not a file of prettyuseful, and is not replaced"):
        lists.export("a.png")
    assert lists.file.read_text() == "path,mine\n"


def test_a_study_without_diagnoses_has_no_lists(lists: Lists) -> None:
    plan = SimpleNamespace(datasets=[SimpleNamespace(label="real", keys={})])
    assert export_image_lists(cast("Plan", plan), lists.store, lists.folder) == {}
    assert not lists.folder.exists()
