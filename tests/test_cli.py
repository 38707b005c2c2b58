"""The command line as its users meet it: exit codes, one clear line, and JSON that is JSON."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.study.records import StudyRecord, read_records

PROGRAM = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]
STUDY = "version: 1\ntask: photos\ndatasets:\n  base: {generator: pocket-base, images_per_class: 10}\n"


def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=240)


def one_error(found: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr that is no progress, of a call that failed as a user's mistake does."""
    assert found.returncode == 2
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    errors = [line for line in found.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert found.stderr.splitlines()[-1] == errors[0]
    return errors[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("generator", "genrator", "bad.yaml:4: unknown key 'datasets.base.genrator'; did you mean 'generator'?"),
        ("pocket-base", "pocket-bas", "unknown generator 'pocket-bas'; did you mean 'pocket-base'?"),
        ("photos", "photo", "unknown task 'photo'; did you mean 'photos'?"),
        ("task: photos", "task: {folder: nowhere}", "nowhere has no folder 'train'"),
    ],
)
def test_a_mistake_in_a_study_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(STUDY.replace(old, new))
    assert message in one_error(call("run", "bad.yaml", cwd=tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.yaml"]


@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_a_damaged_folder_task_is_one_line_and_loses_nothing(
    folder_task: Path, tmp_path: Path, study_text: Callable[..., str], damage: str
) -> None:
    (tmp_path / "study.yaml").write_text(study_text(task=folder_task))
    broken = folder_task / "train" / "red" / "007.png"
    if damage == "empty":
        for split in ("train", "test"):
            (folder_task / split / "green").mkdir()
    elif damage == "text":
        broken.write_text("not an image")
    else:
        broken.write_bytes(broken.read_bytes()[:200])
    found = call("run", "study.yaml", "--store", "store", "--workers", 1, cwd=tmp_path)
    assert ("green is empty" if damage == "empty" else "train/red/007.png: ") in one_error(found)


def test_places_that_cannot_be_written_are_one_line(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "study.yaml").write_text(study_text())
    (tmp_path / "file").write_text("")
    assert "--store" in one_error(call("run", "study.yaml", "--store", "file/store", cwd=tmp_path))
    assert "--out" in one_error(call("run", "study.yaml", "--out", "file/out", cwd=tmp_path))
    assert "cannot read the study file none.yaml" in one_error(call("run", "none.yaml", cwd=tmp_path))


def test_wrong_use_is_told_with_the_usage(tmp_path: Path) -> None:
    for arguments in (("run",), ("runn",), ("run", "x.yaml", "--wrokers", "2"), ("demo", "--workers", "0")):
        found = call(*arguments, cwd=tmp_path)
        assert found.returncode == 2
        assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("generators", "pocket-turbo"),
        ("tasks", "photos"),
        ("prompts", "caption"),
        ("architectures", "small"),
        ("recipes", "small"),
        ("probes", "rgb"),
        ("metrics", "coverage"),
        ("studies", "paper-in-small"),
    ],
)
def test_names_are_listed(kind: str, name: str) -> None:
    assert name in call("list", kind).stdout
    assert name in json.loads(call("list", kind, "--json").stdout)


def test_an_unknown_kind_of_names_gets_the_nearest() -> None:
    assert "did you mean 'generators'" in one_error(call("list", "generatrs"))
    assert "did you mean 'paper-in-small'" in one_error(call("demo", "--study", "paper-in-smal"))


def test_the_schema_is_json() -> None:
    assert json.loads(call("schema").stdout)["title"] == "Study"


def test_a_run_prints_one_json_document_and_then_is_done(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "my.yaml").write_text(study_text())
    cost = json.loads(call("plan", "my.yaml", "--json", cwd=tmp_path).stdout)
    assert cost["left"] == cost["steps"] > 10
    assert not any(kind["measured"] for kind in cost["kinds"])
    found = call("run", "my.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert result["complete"] is True
    assert [row["dataset"] for row in result["results"]] == ["real", "tiny"]
    assert 0 <= result["results"][1]["to_real"]["low"] <= result["results"][1]["to_real"]["high"] <= 1
    assert (tmp_path / result["report"]).exists()
    assert "steps to do" in found.stderr
    assert json.loads(call("plan", "my.yaml", "--json", cwd=tmp_path).stdout)["left"] == 0
    again = call("run", "my.yaml", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == result
    assert "steps to do" not in again.stderr


def test_the_report_can_be_built_again_from_records(finished: Path, tmp_path: Path) -> None:
    found = call("report", finished / "out" / "records", "--out", tmp_path / "again.html")
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "again.html").read_bytes() == (finished / "out" / "report.html").read_bytes()
    assert "no study.json" in one_error(call("report", tmp_path))
    shutil.copytree(finished / "out", tmp_path / "out")
    next((tmp_path / "out" / "records").glob("run@tiny*@0.json")).unlink()
    found = call("report", tmp_path / "out", "--out", tmp_path / "less.html")
    assert found.returncode == 1
    assert "small on tiny, seed 0: its record is not there" in found.stderr


def test_planning_writes_nothing(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "my.yaml").write_text(study_text())
    assert call("plan", "my.yaml", "--store", "no/such/place", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_results_do_not_go_among_the_tasks_images(folder_task: Path, study_text: Callable[..., str]) -> None:
    (folder_task.parent / "my.yaml").write_text(study_text(task=folder_task))
    found = call("run", "my.yaml", "--out", folder_task, "--store", "store", cwd=folder_task.parent)
    assert "holds the task's images" in one_error(found)


def test_a_step_that_fails_is_exit_code_1(tmp_path: Path, study_text: Callable[..., str]) -> None:
    text = study_text().replace("micro_batch: 4", "device: cuda") + "metrics: []\n"
    (tmp_path / "study.yaml").write_text(text)
    found = call("run", "study.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert found.returncode == 1
    result = json.loads(found.stdout)
    assert result["complete"] is False
    assert any("no CUDA device" in problem for problem in result["problems"])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_exit_code_130_and_can_go_on(
    tmp_path: Path, study_text: Callable[..., str], stop: signal.Signals
) -> None:
    (tmp_path / "study.yaml").write_text(study_text(images=20, seeds="[0, 1, 2, 3]"))
    process = subprocess.Popen(
        [*PROGRAM, "run", "study.yaml", "--store", "store", "--workers", "2"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and len(list(tmp_path.glob("store/manifests/*/*.json"))) < 4:
        time.sleep(0.01)
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does
    else:
        process.send_signal(stop)  # as a batch system does
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; run the same command again to continue" in stderr
    assert "Traceback" not in stderr
    records = read_records(tmp_path / "study-results" / "records")
    assert any(not isinstance(record, StudyRecord) and record.status == "missing" for record in records)


def test_a_copied_store_is_as_good_as_the_store(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "moved")
    record = read_records(finished / "out" / "records")[0]
    assert isinstance(record, StudyRecord)
    (tmp_path / "study.yaml").write_text(json.dumps(record.study))
    found = call("plan", tmp_path / "study.yaml", "--store", tmp_path / "moved", "--json")
    assert json.loads(found.stdout)["left"] == 0
