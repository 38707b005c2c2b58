"""The command line as its users meet it: exit codes, one clear line, and JSON that is JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prettyuseful.data.dataset import read_shard
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.records import StudyRecord, read_records

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
        ("generator", "genrator", "bad.yaml:4: unknown key 'genrator' in datasets.base; did you mean 'generator'?"),
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
        ("architectures", "swin_tiny_patch4_window7_224"),
        ("encoders", "real-trained"),
        ("transforms", "vae"),
        ("recipes", "small"),
        ("probes", "rgb"),
        ("metrics", "coverage"),
        ("studies", "paper-in-small"),
    ],
)
def test_names_are_listed(kind: str, name: str) -> None:
    assert name in call("list", kind).stdout
    assert name in json.loads(call("list", kind, "--json").stdout)


def test_what_else_can_be_named_is_said_below() -> None:
    assert "any timm id works" in call("list", "architectures").stdout
    assert "any timm id" in call("list", "encoders").stdout
    assert re.search(r"made of a transform: .*\bvae\b", call("list", "probes").stdout)


def test_an_object_of_ones_own_is_listed_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from prettyuseful.encoders.table import EncoderRow\n"
        "MEAN = EncoderRow('mean', 'mean colour', lambda *_: None)\n"
    )
    listed = json.loads(call("list", "encoders", "mine.py:MEAN", "--json", cwd=tmp_path).stdout)
    assert listed["mine.py:MEAN"] == "mean: mean colour"
    assert "inception" in listed
    assert "did you mean 'MEAN'?" in one_error(call("list", "encoders", "mine.py:MEEN", cwd=tmp_path))
    assert "unknown encoder 'mine'" in one_error(call("list", "encoders", "mine", cwd=tmp_path))


def test_the_papers_models_are_listed() -> None:
    papers = (
        "sd-1.5 sd-2.1 sdxl sdxl-turbo sd3-medium sd3.5-medium sd3.5-large sd3.5-large-turbo flux.1-dev flux.1-schnell "
        "sana-1.6b lumina-2.0 qwen-image"
    )
    listed = {line.split()[0] for line in call("list", "generators").stdout.splitlines() if line.strip()}
    assert len(papers.split()) == 13
    assert set(papers.split()) <= listed


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


def test_a_plan_tells_what_it_costs(tmp_path: Path, study_text: Callable[..., str]) -> None:
    (tmp_path / "my.yaml").write_text(study_text())
    prices = ("--price-per-gpu-hour", 2, "--price-per-cpu-hour", 100)
    cost = json.loads(call("plan", "my.yaml", *prices, "--json", cwd=tmp_path).stdout)
    assert cost["gpu_hours"] == cost["unknown_gpu_steps"] == 0
    assert cost["unknown_steps"] == sum(kind["unknown_steps"] for kind in cost["kinds"])
    assert cost["money"] == pytest.approx(100 * cost["cpu_hours"], abs=0.01)
    assert cost["images"] == sum(kind["images"] for kind in cost["kinds"]) > 0
    assert cost["bytes"] is None
    table = call("plan", "my.yaml", *prices, cwd=tmp_path).stdout
    assert "CPU time" in table
    assert "money" in table
    assert "disk: unknown" in table
    assert call("plan", "my.yaml", "--price-per-gpu-hour", -1, cwd=tmp_path).returncode == 2


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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
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
    (tmp_path / "study.yaml").write_text(json.dumps(record.file.as_written()))
    found = call("plan", tmp_path / "study.yaml", "--store", tmp_path / "moved", "--json")
    assert json.loads(found.stdout)["left"] == 0


def generate(generator: object, task: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """A small data set, with a store beside `out`."""
    store = ("--store", out.parent / "store", "--workers", 1)
    return call("generate", generator, "--task", task, "--images-per-class", 5, "--out", out, *store, *more)


def test_one_data_set_is_generated_and_told(shared_task: Path, pipeline_folder: Path, tmp_path: Path) -> None:
    prompts = "{strategy: template, templates: ['{}', 'the very same {} again']}"
    options = ("--prompts", prompts, "--sampling", "{steps: 2}", "--seed", 3, "--numerics", "{micro_batch: 2}")
    found = generate(pipeline_folder, shared_task, tmp_path / "out", *options)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == [
        f"10 images in {tmp_path / 'out'}",
        "2 prompts were longer than tokenizer takes, and were cut",
    ]
    progress = re.compile(r"\d+ steps to do, .*|done in .*|\d+/\d+ steps  .*")
    assert [line for line in found.stderr.splitlines() if not progress.fullmatch(line)] == []
    assert "steps to do" in found.stderr
    again = generate(pipeline_folder, shared_task, tmp_path / "out", *options, "--json")
    assert "steps to do" not in again.stderr
    facts = json.loads(again.stdout)
    assert (facts["schema_version"], facts["dataset"], facts["images"]) == (1, str(tmp_path / "out"), 10)
    assert (facts["classes"], facts["prompts_cut"], facts["applied"]["steps"]) == (["blue", "red"], {"tokenizer": 2}, 2)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["key"] == facts["key"]
    rows = [row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in read_shard(path)]
    assert [row.prompt for row in rows[:3]] == ["blue", "the very same blue again", "blue"]


def test_a_data_set_goes_out_and_comes_in_again(finished: Path, shared_task: Path, tmp_path: Path) -> None:
    made = finished / "out" / "datasets" / "tiny"
    for form, found in (("imagefolder", "*/*.jpg"), ("webdataset", "*.tar")):
        exported = call("export", made, "--format", form, "--out", tmp_path / form)
        assert exported.stdout == f"14 images in {tmp_path / form}\n", exported.stderr
        assert len(list((tmp_path / form).glob(found))) == (14 if form == "imagefolder" else 1)
    taken = generate(tmp_path / "webdataset", shared_task, tmp_path / "in", "--json")
    facts = json.loads(taken.stdout)
    assert (facts["images"], facts["applied"]) == (10, {"format": "webdataset"})


def test_a_mistake_in_an_export_is_one_line(finished: Path, tmp_path: Path) -> None:
    made = finished / "out" / "datasets" / "tiny"
    wrong = one_error(call("export", made, "--format", "imagefoldr", "--out", tmp_path / "new"))
    assert wrong.startswith(
        "error: invalid value for '--format': 'imagefoldr' is not one of 'imagefolder', 'webdataset'"
    )
    assert wrong.endswith("; did you mean 'imagefolder'?; see `prettyuseful export --help`")
    assert "no data-*.parquet in" in one_error(call("export", tmp_path, "--out", tmp_path / "new"))
    assert "is not empty" in one_error(call("export", made, "--out", finished))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("generator", "options", "said"),
    [
        ("pocket-base", ("--prompts", "captions"), "prompts.strategy: expected 'class-name', 'template'"),
        ("pocket-base", ("--sampling", "{steps: 2"), "--sampling: '{steps: 2' is not valid YAML"),
        ("{task}/train", ("--seed", "0"), "seed has no effect here: these images are there already"),
        ("{task}/test", ("--task", "photos"), "has no images of 16 of the task's 16 classes"),
        ("pocket-base", ("--out", "{task}"), "holds other things"),
    ],
)
def test_a_mistake_in_generating_is_one_line(
    shared_task: Path, tmp_path: Path, generator: str, options: tuple[str, ...], said: str
) -> None:
    placed = [option.replace("{task}", str(shared_task)) for option in options]
    found = generate(generator.replace("{task}", str(shared_task)), shared_task, tmp_path / "out", *placed)
    assert said in one_error(found)
    assert not (tmp_path / "out").exists()


def test_too_little_memory_is_one_line_and_nothing_changes(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    def steps() -> list[str]:
        return sorted(manifest.step for manifest in LocalStore(tmp_path / "store").list())

    said = one_error(generate(planted("Hungry"), shared_task, tmp_path / "out"))
    assert "planted_generators:Hungry: 5 images at a time do not fit into memory; 2 at a time does: " in said
    assert "set numerics.micro_batch: 2. The micro-batch is part of the key" in said
    assert steps() == ["prompt"]
    found = generate(planted("Hungry"), shared_task, tmp_path / "out", "--numerics", "{micro_batch: 2}")
    assert found.returncode == 0, found.stderr
    assert steps() == ["collect", "generate", "generate", "prompt"]


def test_a_generator_that_fails_is_exit_code_1(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    found = generate(planted("Ailing"), shared_task, tmp_path / "out")
    assert found.returncode == 1
    assert found.stdout == ""
    said = found.stderr.splitlines()[-1]
    assert said.startswith("error: planted_generators.py-Ailing could not be made: RuntimeError: no luck with blue")
    assert "Traceback" not in found.stderr


def test_a_generator_of_ones_own_is_checked(planted: Callable[[str], str]) -> None:
    good = call("check", "generator", planted("Noise"))
    assert good.returncode == 0, good.stderr
    assert "it keeps the contract" in good.stdout
    bad = call("check", "generator", planted("Forgetful"), "--json")
    assert bad.returncode == 2
    problems = {finding["what"]: finding["problem"] for finding in json.loads(bad.stdout)}
    assert problems["images have the right shape and type"] is None
    assert problems["the same request gives the same images"] == "they differ; take all randomness from the seeds"


def test_a_mistake_in_checking_is_one_line(planted: Callable[[str], str]) -> None:
    assert "did you mean 'generator'?" in one_error(call("check", "generatr", planted("Noise")))
    assert "did you mean 'Noise'?" in one_error(call("check", "generator", planted("Nois")))
    assert "module:Class or file.py:Class" in one_error(call("check", "generator", "pocket-base"))


def test_the_papers_trends_are_told_and_given_as_json() -> None:
    told = call("paper").stdout
    assert "nothing measured here" in told
    assert re.search(r"Synth->Real +class-name +release +all 13 +-0\.483 +0\.097", told)
    found = json.loads(call("paper", "--json").stdout)
    assert found["published"] is True
    (all_models,) = (
        one["trend"]
        for one in found["trends"]
        if (one["outcome"], one["prompts"], one["against"], one["post_hoc"])
        == ("synth_to_real", "class-name", "release", False)
    )
    assert all_models["rho"] == pytest.approx(-0.483, abs=1e-3)
