"""The commands run, demo, plan, status, report and paper."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.cli.commands import call, call_here, one_error
from tests.made_up import made_up_summary

from prettyuseful.cli.app import DEFAULT_STORE
from prettyuseful.cli.studies import _print_result
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.records import RunRecord, StudyRecord, read_records

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


def test_run_prints_one_json_document_and_reuses_the_store(
    tmp_path: Path, shared_task: Path, planted: Callable[[str], str]
) -> None:
    """The run is a new process: no library may print to its stdout."""
    (tmp_path / "my.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\ntrain: {{seeds: [0]}}\nmetrics: []\n"
        f"datasets: {{tiny: {{generator: '{planted('Noise')}', images_per_class: 7, prompts: template}}}}\n"
    )
    cost = json.loads(call_here("plan", "my.yaml", "--json", cwd=tmp_path).stdout)
    assert cost["left"] == cost["steps"] > 10
    assert not any(kind["measured"] for kind in cost["kinds"])
    result = call("run", "my.yaml", "--json", "--workers", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["complete"] is True
    assert [row["dataset"] for row in content["results"]] == ["real", "tiny"]
    assert 0 <= content["results"][1]["to_real"]["low"] <= content["results"][1]["to_real"]["high"] <= 1
    assert content["pretty_useful"] is None
    assert (tmp_path / content["report"]).exists()
    steps = cost["steps"]
    assert f"{steps} of {steps} steps to run: the store has none of them" in result.stderr.splitlines()
    assert json.loads(call_here("plan", "my.yaml", "--json", cwd=tmp_path).stdout)["left"] == 0
    again = call_here("run", "my.yaml", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == content
    assert again.stderr.splitlines()[0] == f"all results are in the store: 0 of {steps} steps to run"


def test_document_has_usefulness_against_prettiness(capsys: pytest.CaptureFixture[str]) -> None:
    summary = made_up_summary(prettiness={"real": 0.0, "base": 0.1, "curated": 0.5}, released={"base": "2024-02"})
    result: Any = SimpleNamespace(
        summary=summary, complete=True, report=Path("report.html"), records=Path("records"), datasets={}
    )
    _print_result(result, as_json=True)
    shown = json.loads(capsys.readouterr().out)["pretty_useful"]
    assert (shown["score"], shown["correlation"], shown["arrows"]) == ("prettiness", None, [])
    assert [point["dataset"] for point in shown["points"]] == ["real", "base", "curated"]
    assert shown["points"][1]["released"] == "2024-02"
    assert shown["points"][1]["pretty"]["mean"] == 0.1


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
    assert f"{steps['steps']} steps to run, 1 at a time" in lines  # without the causes, which all processes would say
    reasons = [line for line in lines if re.fullmatch("run .*: the store has no such step", line)]
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
    assert cost["bytes"] == sum(kind["bytes"] or 0 for kind in cost["kinds"]) > 0
    table = call_here("plan", "my.yaml", *prices).stdout
    assert "CPU time" in table
    assert "money" in table
    assert "disk: unknown" in table
    for price in ("-1", "nan", "inf", "-inf", "1e400", "cheap", ""):
        assert "--price-per-gpu-hour" in one_error(call_here("plan", "my.yaml", "--price-per-gpu-hour", price))


def test_run_does_not_write_results_into_the_task_folder(folder_task: Path, study_text: Callable[..., str]) -> None:
    (folder_task.parent / "my.yaml").write_text(study_text(task=folder_task))
    result = call_here("run", "my.yaml", "--out", folder_task, "--store", "store", cwd=folder_task.parent)
    assert "contains the images of the task" in one_error(result)


def test_a_data_set_that_exceeds_the_memory_fails_alone(
    tmp_path: Path, shared_task: Path, planted: Callable[[str], str]
) -> None:
    """The other data set is trained on, the message says which one failed, and the mended study makes only that."""
    hungry, noise = (f"generator: '{planted(kind)}', images_per_class: 6" for kind in ("Hungry", "Noise"))
    text = (
        f"version: 1\ntask: {{folder: {shared_task}}}\ntrain: {{seeds: [0]}}\nmetrics: []\n"
        f"datasets:\n  big: {{{hungry}}}\n  other: {{{noise}}}\n"
    )
    (tmp_path / "study.yaml").write_text(text)
    arguments = ("run", tmp_path / "study.yaml", "--store", tmp_path / "s", "--out", tmp_path / "out", "--workers", 1)
    result = call_here(*arguments)
    assert result.returncode == 1
    (failure,) = (line for line in result.stderr.splitlines() if line.startswith("failed: generate "))
    assert failure.startswith("failed: generate big: ")
    assert "3 fit: set micro_batch: 3 for this data set" in failure
    records = read_records(tmp_path / "out" / "records")
    statuses = {record.dataset: record.status for record in records if isinstance(record, RunRecord)}
    assert (statuses["big"], statuses["other"]) == ("failed", "complete")
    (tmp_path / "study.yaml").write_text(text.replace("6}\n  other", "6, micro_batch: 3}\n  other"))
    again = call_here(*arguments)
    assert again.returncode == 0, again.stderr
    assert sum(manifest.step == "collect" for manifest in LocalStore(tmp_path / "s").list()) == 2


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
    result = call_here("run", "study.yaml", "--workers", 1, cwd=tmp_path)
    assert "no CUDA device; set numerics.device: cpu" in one_error(result)


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


@pytest.fixture
def changed(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Call a command, in this process, on the finished study after its learning rate was changed."""
    text = (finished / "my.yaml").read_text("utf-8").replace("train: {", "train: {recipes: [mine], ")
    (tmp_path / "new.yaml").write_text(f"{text}recipes: {{mine: {{like: small, learning_rate: 0.001}}}}\n")
    monkeypatch.chdir(tmp_path)

    def run(command: str, *arguments: object) -> str:
        result = call_here(command, "new.yaml", "--store", finished / "store", *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return run


CHANGE = "recipe `mine` changed its learning rate from 0.003 to 0.001"


def test_explain_says_in_one_line_what_one_change_means(changed: Callable[..., str]) -> None:
    head, line, hint = changed("explain").splitlines()
    assert (match := re.fullmatch(r"(\d+) of (\d+) steps to run:", head))
    assert 1 < int(match[1]) < int(match[2])
    assert line.startswith(f"{match[1]} steps: {CHANGE} (")
    assert re.search(r" train, .* evaluate.*; first: train small on 7 real, seed 0\)$", line)
    assert "--all" in hint


def test_explain_all_prints_a_line_for_each_step(changed: Callable[..., str]) -> None:
    head, *lines = changed("explain", "--all").splitlines()
    assert (match := re.fullmatch(rf"(\d+) of \d+ steps to run: {re.escape(CHANGE)}", head))
    assert len(lines) == int(match[1])
    assert f"train small on tiny, seed 1: {CHANGE}" in lines
    assert f"test small on tiny, seed 1 on real: input classifier (train small on tiny, seed 1): {CHANGE}" in lines


def test_explain_explains_the_step_with_a_name(changed: Callable[..., str]) -> None:
    (line,) = changed("explain", "train small on tiny, seed 1").splitlines()
    assert re.fullmatch(rf"train small on tiny, seed 1 \([0-9a-f]{{12}}\): {re.escape(CHANGE)}", line)
    key = line.split("(")[1][:12]
    assert changed("explain", key).splitlines() == [line]
    assert changed("explain", "collect tiny").endswith("): it does not run: its result, or all that is made from it, "
                                                       "is in the store\n")  # fmt: skip


@pytest.mark.usefixtures("changed")
def test_explain_rejects_a_name_that_no_step_or_several_steps_have() -> None:
    for name, message in (("trian", "did you mean 'train'?"), ("seed 1", "names of steps contain 'seed 1'")):
        assert message in one_error(call_here("explain", "new.yaml", name, "--store", "none"))


def test_explain_prints_json(changed: Callable[..., str]) -> None:
    document = json.loads(changed("explain", "--json"))
    assert document["schema_version"] == 1
    assert set(document) == {"schema_version", "steps", "to_run", "summary", "causes", "reasons"}
    (cause,) = document["causes"]
    assert set(cause) == {"kind", "words", "steps", "first", "step_kinds"}
    assert (cause["kind"], cause["steps"]) == ("changed", document["to_run"])
    assert sum(cause["step_kinds"].values()) == document["to_run"] == len(document["reasons"])
    first = document["reasons"][0]
    assert first["changes"] == [{"field": "recipe.learning_rate", "before": 0.003, "after": 0.001}]
    assert set(first) == {"step", "key", "kind", "words", "changes", "inputs", "first_causes", "nearest"}
    one = json.loads(changed("explain", "train small on tiny, seed 1", "--json"))
    assert [reason["step"] for reason in one["reasons"]] == ["train small on tiny, seed 1"]
    assert {**one, "reasons": []} == {**document, "reasons": []}


def test_plan_says_why_steps_run(changed: Callable[..., str]) -> None:
    assert re.search(rf"^\d+ of \d+ steps to run: {re.escape(CHANGE)}$", changed("plan"), re.MULTILINE)
    document = json.loads(changed("plan", "--json"))
    assert document["summary"] == f"{document['left']} of {document['steps']} steps to run: {CHANGE}"
    assert [cause["words"] for cause in document["causes"]] == [CHANGE]


def test_explain_writes_nothing_and_needs_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study_text: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(study_text())
    lines = call_here("explain", "my.yaml", "--store", "no/such/place").stdout.splitlines()
    assert re.fullmatch(r"(\d+) steps: the store has no such step \(.*\)", lines[1])
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_plan_predicts_for_a_card(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "{version: 1, task: photos, metrics: [], numerics: {device: cuda}, train: {seeds: [0], recipes: [small]},"
        " datasets: {a: {generator: flux.1-dev, images_per_class: 10}}}"
    )
    text = call_here("plan", "my.yaml", "--card", "l4", cwd=tmp_path).stdout
    assert " counted" in text
    assert "GPU times that are not measured are estimates for NVIDIA L4, 24 GB" in " ".join(text.split())
    assert "data set a: 10 images of flux.1-dev at once need " in text
    assert "and NVIDIA L4, 24 GB has 24.0 GB" in text
    plan = json.loads(call_here("plan", "my.yaml", "--card", "h200", "--json", cwd=tmp_path).stdout)
    (row,) = (kind for kind in plan["kinds"] if kind["kind"] == "generate")
    assert row["sources"] == {"counted": row["left"]}
    assert row["gpu_hours"] > 0
    assert plan["warnings"] == []
    assert "NVIDIA H200" in plan["card"]
    assert "unknown card 'h20'" in one_error(call_here("plan", "my.yaml", "--card", "h20", cwd=tmp_path))


def test_plan_names_the_pilot_where_nothing_is_measured(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "my study.yaml").write_text(study_text())
    result = call_here("plan", "my study.yaml", "--detect", "2", "--store", "no/where", cwd=tmp_path)
    command = "prettyuseful plan 'my study.yaml' --detect 2 --pilot --store no/where"
    assert result.stdout.splitlines()[-1].endswith(f"run a pilot, whose results the study reuses: {command}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my study.yaml"]


def test_a_pilot_measures_variances_and_the_study_reuses_its_results(
    tmp_path: Path, shared_task: Path, planted: Callable[[str], str]
) -> None:
    (tmp_path / "my.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ntrain: {{seeds: [0]}}\ndatasets:\n"
        f"  noise: {{generator: '{planted('Noise')}', images_per_class: 6, prompts: template}}\n"
        f"  other: {{generator: '{planted('Noise')}', images_per_class: 6, prompts: template, seed: 9, "
        "control: noise}\n"
    )
    plain = json.loads(call_here("plan", "my.yaml", "--json", cwd=tmp_path).stdout)
    assert "detection" not in plain
    result = call_here("plan", "my.yaml", "--detect", "20", "--pilot", "--workers", "1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "variances from tests of this study in the store, 3 seeds" in "\n".join(lines)
    assert any(line.startswith("other - noise (planned comparison, 95% interval): with one seed") for line in lines)
    document = json.loads(call_here("plan", "my.yaml", "--detect", "20", "--json", cwd=tmp_path).stdout)
    assert document["left"] < plain["left"]
    left = {kind["kind"]: kind["left"] for kind in document["kinds"]}
    assert (left["generate"], left["train"]) == (0, 1), "only the classifier on real images is missing"
    (comparison,) = document["detection"]["comparisons"]
    assert (comparison["a"], comparison["b"], comparison["power"]) == ("other", "noise", None)
    assert comparison["needed_seeds"] >= 2
    text = (tmp_path / "my.yaml").read_text().replace("seeds: [0]", "seeds: [0, 1, 2, 3]")
    (tmp_path / "my.yaml").write_text(text)
    lines = call_here("plan", "my.yaml", "--detect", "20", cwd=tmp_path).stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("other - noise "))
    assert re.search(r"\d+% with 4 seeds and 28 test images; 80% from a difference of \S+ points on$", line)


def test_results_that_do_not_vary_give_no_power(finished: Path) -> None:
    """The classifiers of the tiny study all give one class to every image."""
    result = call_here("plan", finished / "my.yaml", "--store", finished / "store", "--detect", "30")
    assert result.stdout.splitlines()[-1].startswith("power: not known, because results in the store do not vary")
    command = ("plan", finished / "my.yaml", "--store", finished / "store", "--detect", "30", "--json")
    assert json.loads(call_here(*command).stdout)["detection"]["comparisons"] == []


def test_a_difference_must_be_a_number_of_points() -> None:
    for points in ("0", "-2", "101", "nan"):
        assert "--detect" in one_error(call_here("plan", "my.yaml", "--detect", points))
    assert "--detect 2" in one_error(call_here("plan", "my.yaml", "--pilot"))


@pytest.fixture(scope="module")
def tested_title(tmp_path_factory: pytest.TempPathFactory, shared_task: Path) -> tuple[dict[str, Any], str]:
    """The JSON of test-title on a small study of images from a folder, and its answer when it is run again."""
    folder = tmp_path_factory.mktemp("title")
    (folder / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ntrain: {{seeds: [0, 1]}}\n"
        f"datasets: {{own: {{generator: {shared_task / 'train'}, images_per_class: 8}}}}\n"
    )
    command = ("test-title", "study.yaml", "--store", "store", "--workers", 1)
    printed = call_here(*command, "--json", cwd=folder)
    assert printed.returncode == 0, printed.stderr
    again = call_here(*command, "--out", "out", cwd=folder)
    assert (folder / "study-pretty-results" / "report.html").read_text() == (folder / "out/report.html").read_text()
    return json.loads(printed.stdout), again.stdout


@pytest.mark.integration
def test_test_title_says_what_the_prettier_half_gives(tested_title: tuple[dict[str, Any], str]) -> None:
    document, answer = tested_title
    assert document["complete"]
    assert [effect["selection"] for effect in document["selections"]] == [["own.top"], ["own.bottom"]]
    assert {row["dataset"]: row["metrics"].keys() for row in document["results"]}["own.top"] >= {"prettiness"}
    for effect in document["selections"]:
        assert " a random half" in effect["sentence"]
        assert effect["sentence"] in " ".join(answer.split())
        assert effect["difference"]["covers"].startswith("the images that are selected")
    assert document["answer"][0].startswith("The prettier half of own ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "pretiness"), "unknown selection score 'pretiness'; did you mean 'prettiness'?"),
        (("--by", "k-centre"), "k-centre chooses images together, so it has no top and bottom"),
        (("--keep", "0%"), "keep: '0%' keeps no image"),
        (("--keep", "20"), "but a class has only 10; keep fewer"),
    ],
)
def test_test_title_refuses_what_cannot_be_selected(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    assert message in one_error(call_here("test-title", "study.yaml", *options, cwd=tmp_path))


_HOSTED = "{endpoint: 'http://localhost:1/v1', model: painter}"


@pytest.mark.parametrize(
    ("generator", "condition", "message"),
    [
        ("pocket-base", "{kind: image, on: test}", "not from 'test', because test images must not decide"),
        ("pocket-base", "{kind: image, strength: 0}", "expected a number above 0 and at most 1, got 0"),
        ("pocket-base", "{kind: image, strength: 1.0001}", "expected a number above 0 and at most 1, got 1.0001"),
        ("pocket-base", "{kind: edit}", "condition.instruction' is missing"),
        ("pocket-base", "{kind: image-prompt}", "condition.adapter' is missing"),
        (_HOSTED, "{kind: image}", "condition has no effect here: a hosted model has other settings"),
        ("{model: pocket-base, lora: none.safetensors}", "", "no such file none.safetensors"),
        ("{model: pocket-base, lora: empty.safetensors}", "", "empty.safetensors: not a safetensors file"),
        ("{model: pocket-base, lora: pickle.bin}", "", "pickle.bin is a pickle, which can run code"),
        ("{model: pocket-base, lora: cut.safetensors}", "", "it is cut off: 4 bytes are missing"),
    ],
)
def test_conditions_and_adapters_that_cannot_be_used_are_one_line(
    shared_task: Path, tmp_path: Path, generator: str, condition: str, message: str
) -> None:
    (tmp_path / "empty.safetensors").touch()
    (tmp_path / "pickle.bin").write_bytes(b"x")
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "cut.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    data = f"{{generator: {generator}, images_per_class: 2{condition and f', condition: {condition}'}}}"
    study = f"{{version: 1, task: {{folder: '{shared_task}'}}, datasets: {{a: {data}}}, train: {{seeds: [0]}}}}"
    (tmp_path / "study.yaml").write_text(study)
    result = call_here("plan", tmp_path / "study.yaml", "--store", tmp_path / "store", cwd=tmp_path)
    assert message in one_error(result)
