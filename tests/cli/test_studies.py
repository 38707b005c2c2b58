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

from prettyuseful.records import StudyRecord, read_records

STUDY = "version: 1\ntask: photos\ndatasets:\n  base: {generator: pocket-base, images_per_class: 10}\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("generator", "genrator", "bad.yaml:4: unknown key 'genrator' in datasets.base; did you mean 'generator'?"),
        ("pocket-base", "pocket-bas", "unknown generator 'pocket-bas'; did you mean 'pocket-base'?"),
        ("photos", "photo", "unknown task 'photo'; did you mean 'photos'?"),
        ("task: photos", "task: {folder: nowhere}", "nowhere has no folder 'train'"),
    ],
)
def test_a_mistake_in_a_study_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(STUDY.replace(old, new))
    assert message in one_error(call_here("run", "bad.yaml"))
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


def test_planning_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study_text: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(study_text())
    assert call_here("plan", "my.yaml", "--store", "no/such/place").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_a_plan_tells_what_it_costs(
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


def test_results_do_not_go_among_the_tasks_images(folder_task: Path, study_text: Callable[..., str]) -> None:
    (folder_task.parent / "my.yaml").write_text(study_text(task=folder_task))
    found = call("run", "my.yaml", "--out", folder_task, "--store", "store", cwd=folder_task.parent)
    assert "holds the task's images" in one_error(found)


def test_a_step_that_fails_is_exit_code_1(tmp_path: Path, study_text: Callable[..., str]) -> None:
    wild = "recipes: {wild: {like: small, learning_rate: 1.0e+30, clip_norm: 1.0e+30, warmup: 0}}\nmetrics: []\n"
    text = study_text().replace("train: {", "train: {recipes: [wild], ") + wild
    (tmp_path / "study.yaml").write_text(text)
    found = call("run", "study.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert found.returncode == 1
    result = json.loads(found.stdout)
    assert result["complete"] is False
    assert any("no longer finite" in problem for problem in result["problems"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_one_line(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "study.yaml").write_text(study_text().replace("micro_batch: 4", "device: cuda"))
    assert "no CUDA device; say numerics.device: cpu" in one_error(call("run", "study.yaml", cwd=tmp_path))


def test_a_copied_store_is_as_good_as_the_store(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "moved")
    record = read_records(finished / "out" / "records")[0]
    assert isinstance(record, StudyRecord)
    (tmp_path / "study.yaml").write_text(json.dumps(record.file.as_written()))
    found = call("plan", tmp_path / "study.yaml", "--store", tmp_path / "moved", "--json")
    assert json.loads(found.stdout)["left"] == 0


def test_the_papers_trends_are_told_and_given_as_json() -> None:
    told = call_here("paper").stdout
    assert "nothing measured here" in told
    assert re.search(r"Synth->Real +class-name +release +all 13 +-0\.483 +0\.097", told)
    found = json.loads(call_here("paper", "--json").stdout)
    assert found["published"] is True
    (all_models,) = (
        one["trend"]
        for one in found["trends"]
        if (one["outcome"], one["prompts"], one["against"], one["post_hoc"])
        == ("synth_to_real", "class-name", "release", False)
    )
    assert all_models["rho"] == pytest.approx(-0.483, abs=1e-3)


def test_an_unknown_bundled_study_gets_the_nearest() -> None:
    assert "did you mean 'paper-in-small'" in one_error(call_here("demo", "--study", "paper-in-smal"))
