"""The commands run, demo, plan, status, report and paper."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.cli.commands import call, call_here, one_error

from prettyuseful.cli.app import DEFAULT_STORE
from prettyuseful.records import StudyRecord, read_records

STUDY = "version: 1\ntask: photos\ndatasets:\n  base: {generator: pocket-base, images_per_class: 10}\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("generator", "genrator", "bad.yaml:4: unknown key 'genrator' in datasets.base; did you mean 'generator'?"),
        ("pocket-base", "pocket-bas", "unknown generator 'pocket-bas'; did you mean 'pocket-base'?"),
        ("photos", "photo", "unknown task 'photo'; did you mean 'photos'?"),
        ("task: photos", "task: {folder: nowhere}", "nowhere: no such folder or file; check the path"),
    ],
)
def test_a_user_error_in_a_study_is_reported_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(STUDY.replace(old, new))
    assert message in one_error(call_here("run", "bad.yaml"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.yaml"]


@pytest.mark.parametrize("damage", ["text", "truncated"])
def test_a_damaged_task_folder_is_reported_on_one_line(
    folder_task: Path, tmp_path: Path, study_text: Callable[..., str], damage: str
) -> None:
    (tmp_path / "study.yaml").write_text(study_text(task=folder_task))
    broken = folder_task / "train" / "red" / "007.png"
    if damage == "text":
        broken.write_text("not an image")
    else:
        broken.write_bytes(broken.read_bytes()[:200])
    result = call_here("run", "study.yaml", "--store", "store", "--workers", 1, cwd=tmp_path)
    assert "train/red/007.png: " in one_error(result)


def test_paths_that_cannot_be_written_are_reported_on_one_line(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "study.yaml").write_text(study_text())
    (tmp_path / "file").write_text("")
    assert "--store" in one_error(call_here("run", "study.yaml", "--store", "file/store", cwd=tmp_path))
    assert "--out" in one_error(call_here("run", "study.yaml", "--out", "file/out", cwd=tmp_path))
    assert "cannot read the study file none.yaml" in one_error(call_here("run", "none.yaml", cwd=tmp_path))


def test_run_prints_one_json_document_and_reuses_the_store(tmp_path: Path, study_text: Callable[..., str]) -> None:
    """The run is a new process: no library may print to its stdout."""
    (tmp_path / "my.yaml").write_text(study_text())
    cost = json.loads(call_here("plan", "my.yaml", "--json", cwd=tmp_path).stdout)
    assert cost["left"] == cost["steps"] > 10
    assert not any(kind["measured"] for kind in cost["kinds"])
    result = call("run", "my.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["complete"] is True
    assert [row["dataset"] for row in content["results"]] == ["real", "tiny"]
    assert 0 <= content["results"][1]["to_real"]["low"] <= content["results"][1]["to_real"]["high"] <= 1
    assert (tmp_path / content["report"]).exists()
    assert "steps to run" in result.stderr
    assert json.loads(call_here("plan", "my.yaml", "--json", cwd=tmp_path).stdout)["left"] == 0
    again = call_here("run", "my.yaml", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == content
    assert "steps to run" not in again.stderr


def test_steps_only_runs_the_steps_and_writes_no_report(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "my.yaml").write_text(study_text())
    result = call_here("run", "my.yaml", "--worker", "--json", "--workers", 1, "--verbose", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    lines = result.stderr.splitlines()
    assert lines[:2] == [
        "warning: --worker is deprecated; use --steps-only",
        "warning: --steps-only writes no report, so --out and --json have no effect",
    ]
    steps = json.loads(call_here("plan", tmp_path / "my.yaml", "--store", tmp_path / DEFAULT_STORE, "--json").stdout)
    assert steps["left"] == 0
    reasons = [line for line in lines if re.fullmatch("run .*: its result is not in the store", line)]
    assert len(reasons) == steps["steps"]
    assert f"store: {tmp_path / DEFAULT_STORE}" in lines
    assert any(line.startswith("workers: local, 1 at a time") for line in lines)
    assert any(re.match("versions: python .*torch ", line) for line in lines)
    assert not (tmp_path / "my-results").exists()


def test_report_rebuilds_the_same_html_from_records(finished: Path, tmp_path: Path) -> None:
    result = call_here("report", finished / "out" / "records", "--out", tmp_path / "again.html")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "again.html").read_bytes() == (finished / "out" / "report.html").read_bytes()
    assert "no study.json" in one_error(call_here("report", tmp_path))
    shutil.copytree(finished / "out", tmp_path / "out")
    next((tmp_path / "out" / "records").glob("run@tiny*@0.json")).unlink()
    result = call_here("report", tmp_path / "out", "--out", tmp_path / "less.html")
    assert result.returncode == 1
    assert "small on tiny, seed 0: its record is missing" in result.stderr


def test_plan_writes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study_text: Callable[..., str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(study_text())
    assert call_here("plan", "my.yaml", "--store", "no/such/place").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_plan_estimates_the_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study_text: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(study_text())
    prices = ("--price-per-gpu-hour", 2, "--price-per-cpu-hour", 100)
    cost = json.loads(call_here("plan", "my.yaml", *prices, "--json").stdout)
    assert cost["gpu_hours"] == cost["unknown_gpu_steps"] == 0
    assert cost["unknown_steps"] == sum(kind["unknown_steps"] for kind in cost["kinds"])
    assert cost["money"] == pytest.approx(100 * cost["cpu_hours"], abs=0.01)
    assert cost["images"] == sum(kind["images"] for kind in cost["kinds"]) > 0
    assert cost["bytes"] is None
    table = call_here("plan", "my.yaml", *prices).stdout
    assert "CPU time" in table
    assert "money" in table
    assert "disk: unknown" in table
    assert call_here("plan", "my.yaml", "--price-per-gpu-hour", -1).returncode == 2


def test_run_does_not_write_results_into_the_task_folder(folder_task: Path, study_text: Callable[..., str]) -> None:
    (folder_task.parent / "my.yaml").write_text(study_text(task=folder_task))
    result = call_here("run", "my.yaml", "--out", folder_task, "--store", "store", cwd=folder_task.parent)
    assert "contains the images of the task" in one_error(result)


def test_a_failed_step_exits_with_code_1(tmp_path: Path, study_text: Callable[..., str]) -> None:
    wild = "recipes: {wild: {like: small, learning_rate: 1.0e+30, clip_norm: 1.0e+30, warmup: 0}}\nmetrics: []\n"
    text = study_text().replace("train: {", "train: {recipes: [wild], ") + wild
    (tmp_path / "study.yaml").write_text(text)
    result = call_here("run", "study.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert result.returncode == 1
    content = json.loads(result.stdout)
    assert content["complete"] is False
    assert any("loss is not finite" in problem for problem in content["problems"])
    assert re.search("^failed: .*loss is not finite", result.stderr, re.MULTILINE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_missing_device_is_reported_on_one_line(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "study.yaml").write_text(study_text().replace("micro_batch: 4", "device: cuda"))
    assert "no CUDA device; set numerics.device: cpu" in one_error(call_here("run", "study.yaml", cwd=tmp_path))


def test_a_copied_store_can_be_used(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "moved")
    record = read_records(finished / "out" / "records")[0]
    assert isinstance(record, StudyRecord)
    (tmp_path / "study.yaml").write_text(json.dumps(record.file.as_written()))
    result = call_here("plan", tmp_path / "study.yaml", "--store", tmp_path / "moved", "--json")
    assert json.loads(result.stdout)["left"] == 0


def test_paper_prints_the_trends_as_text_and_as_json() -> None:
    text = call_here("paper").stdout
    assert "nothing was measured here" in text
    assert re.search(r"Synth->Real +class-name +release +all 13 +-0\.483 +0\.097", text)
    trends = json.loads(call_here("paper", "--json").stdout)
    assert trends["published"] is True
    (all_models,) = (
        row["trend"]
        for row in trends["trends"]
        if (row["outcome"], row["prompts"], row["against"], row["post_hoc"])
        == ("synth_to_real", "class-name", "release", False)
    )
    assert all_models["rho"] == pytest.approx(-0.483, abs=1e-3)


def test_an_unknown_bundled_study_suggests_the_nearest_one() -> None:
    assert "did you mean 'paper-in-small'" in one_error(call_here("demo", "--study", "paper-in-smal"))
