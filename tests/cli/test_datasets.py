"""The commands generate, export and check."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.commands import call, call_here, one_error

from prettyuseful.data.dataset import read_shard
from prettyuseful.engine.store.local import LocalStore


def arguments(generator: object, task: Path, out: Path, *more: object) -> tuple[object, ...]:
    """Of a small data set, with a store beside `out`."""
    store = ("--store", out.parent / "store", "--workers", 1)
    return ("generate", generator, "--task", task, "--images-per-class", 5, "--out", out, *store, *more)


def generate(generator: object, task: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return call(*arguments(generator, task, out, *more))


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
    wrong = one_error(call_here("export", made, "--format", "imagefoldr", "--out", tmp_path / "new"))
    assert wrong.startswith(
        "error: invalid value for '--format': 'imagefoldr' is not one of 'imagefolder', 'webdataset'"
    )
    assert wrong.endswith("; did you mean 'imagefolder'?; see `prettyuseful export --help`")
    assert "no data-*.parquet in" in one_error(call_here("export", tmp_path, "--out", tmp_path / "new"))
    assert "is not empty" in one_error(call_here("export", made, "--out", finished))
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
    found = call_here(*arguments(generator.replace("{task}", str(shared_task)), shared_task, tmp_path / "out", *placed))
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
    assert "did you mean 'generator'?" in one_error(call_here("check", "generatr", planted("Noise")))
    assert "did you mean 'Noise'?" in one_error(call_here("check", "generator", planted("Nois")))
    assert "module:Class or file.py:Class" in one_error(call_here("check", "generator", "pocket-base"))
