"""The commands generate and export."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.commands import call, call_here, one_error

from prettyuseful.data.dataset import read_shard
from prettyuseful.data.images import image_facts
from prettyuseful.engine.store.local import LocalStore


def arguments(generator: object, task: Path, out: Path, *more: object) -> tuple[object, ...]:
    """Return the command line that generates a small data set, with a store next to `out`."""
    store = ("--store", out.parent / "store", "--workers", 1)
    return ("generate", generator, "--task", task, "--images-per-class", 5, "--out", out, *store, *more)


def generate(generator: object, task: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return call_here(*arguments(generator, task, out, *more))


def test_generate_writes_a_data_set(shared_task: Path, pipeline_folder: Path, tmp_path: Path) -> None:
    """The first call is a new process: no library may print anything."""
    prompts = "{strategy: template, templates: ['{}', 'the very same {} again']}"
    options = ("--prompts", prompts, "--sampling", "{steps: 2}", "--seed", 3, "--numerics", "{micro_batch: 2}")
    result = call(*arguments(pipeline_folder, shared_task, tmp_path / "out", *options))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"10 images in {tmp_path / 'out'}",
        "2 prompts were longer than tokenizer accepts and were truncated",
        f"{shared_task}: training images are read from 'train', test images from 'test'.",
    ]
    progress = re.compile(r"\d+ of \d+ steps to run: .*|1 at a time|done in .*|\d+/\d+ steps  .*")
    assert [line for line in result.stderr.splitlines() if not progress.fullmatch(line)] == []
    assert "steps to run" in result.stderr
    again = generate(pipeline_folder, shared_task, tmp_path / "out", *options, "--json", "--quiet")
    assert again.stderr == ""
    facts = json.loads(again.stdout)
    assert (facts["schema_version"], facts["dataset"], facts["images"]) == (1, str(tmp_path / "out"), 10)
    assert (facts["classes"], facts["prompts_cut"], facts["applied"]["steps"]) == (["blue", "red"], {"tokenizer": 2}, 2)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["key"] == facts["key"]
    rows = [row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in read_shard(path)]
    assert [row.prompt for row in rows[:3]] == ["blue", "the very same blue again", "blue"]


def test_an_exported_data_set_can_be_read_again(finished: Path, shared_task: Path, tmp_path: Path) -> None:
    folder = finished / "out" / "datasets" / "tiny"
    for layout, files in (("imagefolder", "*/*.png"), ("webdataset", "*.tar")):
        exported = call_here("export", folder, "--format", layout, "--out", tmp_path / layout)
        assert exported.stdout == f"14 images in {tmp_path / layout}\n", exported.stderr
        assert len(list((tmp_path / layout).glob(files))) == (14 if layout == "imagefolder" else 1)
    imported = generate(tmp_path / "webdataset", shared_task, tmp_path / "in", "--json")
    facts = json.loads(imported.stdout)
    assert (facts["images"], facts["applied"]) == (10, {"format": "webdataset"})


def test_a_user_error_in_export_is_reported_on_one_line(finished: Path, tmp_path: Path) -> None:
    folder = finished / "out" / "datasets" / "tiny"
    wrong_format = one_error(call_here("export", folder, "--format", "imagefoldr", "--out", tmp_path / "new"))
    hint = "choose imagefolder or webdataset; did you mean 'imagefolder'?"
    assert wrong_format == f"error: invalid --format 'imagefoldr'; {hint}"
    assert "no data-*.parquet in" in one_error(call_here("export", tmp_path, "--out", tmp_path / "new"))
    assert "is not empty" in one_error(call_here("export", folder, "--out", finished))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("generator", "options", "message"),
    [
        ("pocket-base", ("--prompts", "captions"), "prompts.strategy: expected 'class-name', 'template'"),
        ("pocket-base", ("--sampling", "{steps: 2"), "--sampling: '{steps: 2' is not valid YAML"),
        ("pocket-base", ("--quality", "90"), "quality does not apply to png, which stores images without loss; set"),
        ("pocket-base", ("--format", "jpg"), "invalid --format 'jpg'; choose png, jpeg or webp; did you mean 'jpeg'?"),
        ("{task}/train", ("--format", "png"), "format has no effect here: the images already exist"),
        ("{task}/train", ("--seed", "0"), "seed has no effect here: the images already exist"),
        ("{task}/test", ("--task", "photos"), "has no images of 16 of the task's 16 classes"),
        ("pocket-base", ("--out", "{task}"), "contains other files"),
    ],
)
def test_a_user_error_in_generate_is_reported_on_one_line(
    shared_task: Path, tmp_path: Path, generator: str, options: tuple[str, ...], message: str
) -> None:
    source, *more = (text.replace("{task}", str(shared_task)) for text in (generator, *options))
    result = call_here(*arguments(source, shared_task, tmp_path / "out", *more))
    assert message in one_error(result)
    assert not (tmp_path / "out").exists()


def test_an_out_of_memory_error_suggests_a_smaller_micro_batch(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    def steps() -> list[str]:
        return sorted(manifest.step for manifest in LocalStore(tmp_path / "store").list())

    result = generate(planted("Hungry"), shared_task, tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr.count("5 images per micro-batch exceed the memory; 2 fit: set micro_batch: 2") == 2
    assert "--numerics '{micro_batch: 2}'" in result.stderr.splitlines()[-1]
    assert steps() == ["prompt"]
    result = generate(planted("Hungry"), shared_task, tmp_path / "out", "--numerics", "{micro_batch: 2}")
    assert result.returncode == 0, result.stderr
    assert steps() == ["collect", "generate", "generate", "inspect", "prompt"]


def test_a_failing_generator_exits_with_code_1(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    result = generate(planted("Ailing"), shared_task, tmp_path / "out")
    assert result.returncode == 1
    assert result.stdout == ""
    last_line = result.stderr.splitlines()[-1]
    assert last_line.startswith(
        "error: data set 'planted_generators.py-Ailing' could not be made: RuntimeError: no luck with blue"
    )
    assert "Traceback" not in result.stderr


def test_images_without_contrast_and_changed_class_names_are_reported(
    folder_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    for split in ("train", "test"):
        (folder_task / split / "red").rename(folder_task / split / "dark_red")
    task = f"{{folder: {folder_task}, classes: {{blue: n01440764}}}}"
    options = ("--task", task, "--images-per-class", 40, "--format", "jpeg", "--quality", 90)
    result = generate(planted("RarelyBlack"), folder_task, tmp_path / "out", *options)
    notes = result.stdout.splitlines()[1:]
    assert "Class names in prompts: 'n01440764' is 'tench', 'dark_red' is 'dark red'." in notes
    assert any(note.startswith("4 of 80 images have no contrast: they are black") for note in notes)
    rows = [row for shard in sorted((tmp_path / "out").glob("*.parquet")) for row in read_shard(shard)]
    assert {row.prompt for row in rows} == {"tench", "dark red"}
    assert {image_facts(row.data, row.path).jpeg_quality for row in rows} == {90}


def test_images_that_show_nothing_are_refused_with_exit_code_2(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    result = generate(planted("Black"), shared_task, tmp_path / "out")
    assert result.returncode == 2
    message = result.stderr.splitlines()[-1]
    assert message.startswith("error: planted_generators:Black: 8 of 10 images (80.0%) show nothing, more than the ")
    assert "(blue/000001.png, blue/000002.png, blue/000003.png and 5 more)" in message
