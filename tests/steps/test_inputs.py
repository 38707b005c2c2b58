"""Readers of input artifacts, on artifacts that real steps made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from prettyuseful.data.dataset import write_shard
from prettyuseful.engine.step import Job
from prettyuseful.engine.store.base import Artifact, Manifest
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES, Prompts
from prettyuseful.steps.classifiers import DecodeSpec, TrainSpec
from prettyuseful.steps.inputs import (
    read_classes,
    read_classifier,
    read_image_prompts,
    read_index,
    read_pixels,
    read_prompts,
    read_rows,
    read_slice,
    write_json,
)
from prettyuseful.steps.prompts import PromptSpec
from prettyuseful.training.inference import predict
from prettyuseful.training.recipes import SMALL, view_of

Make = Callable[..., Artifact]


def job(folder: Path, artifact: Artifact) -> Job:
    """A job with one input artifact, named `given`."""
    return Job({"given": artifact}, folder, folder / "checkpoints", lambda _: None)


@pytest.fixture
def dataset(load: Callable[[int], Artifact], tmp_path: Path) -> Job:
    return job(tmp_path, load(3))


def test_rows_are_read_in_order_with_class_names(dataset: Job) -> None:
    rows = list(read_rows(dataset, "given"))
    assert [row.label for row in rows] == [0, 0, 0, 1, 1, 1]
    assert read_classes(dataset, "given") == ("blue", "red")
    assert [read_classes(dataset, "given")[row.label] in row.path for row in rows] == [True] * 6


def test_the_index_of_a_data_set_has_the_paths_labels_and_groups_of_its_rows(dataset: Job) -> None:
    rows = [(row.path, row.label, row.group) for row in read_rows(dataset, "given")]
    assert list(read_index(dataset, "given")) == rows


def test_the_prompts_of_a_data_set_are_read_without_its_images(dataset: Job, tmp_path: Path) -> None:
    artifact, file = dataset.inputs["given"], tmp_path / "prompted"
    rows = [replace(row, prompt=prompt) for row, prompt in zip(read_rows(dataset, "given"), "ab", strict=False)]
    write_shard(file, [*rows, replace(rows[0], label=1, prompt=None)], ("blue", "red"))
    prompted = job(tmp_path, Forged(artifact.manifest, file))
    assert list(read_image_prompts(prompted, "given")) == [(0, "a"), (0, "b"), (1, None)]
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.schema.get_field_index("prompt"), "prompt", [[1, 2, 3]]), file)
    with pytest.raises(StepFailedError, match="a prompt that is not text"):
        list(read_image_prompts(prompted, "given"))
    write_shard(file, [replace(rows[0], label=2)], ("blue", "red"))
    with pytest.raises(StepFailedError, match="the label 2, but there are 2 classes"):
        list(read_image_prompts(prompted, "given"))


@pytest.mark.parametrize(("first", "stop"), [(0, 6), (2, 4), (5, 9), (6, 6)])
def test_a_slice_contains_only_its_rows(dataset: Job, first: int, stop: int) -> None:
    assert list(read_slice(dataset, "given", first, stop)) == list(read_rows(dataset, "given"))[first:stop]


def test_prompts_are_read_as_written(make: Make, tmp_path: Path) -> None:
    spec = PromptSpec(
        strategy=PROMPT_STRATEGIES.pin("template"), classes=("café", "red"), options={"templates": ["a {}", "{}!"]}
    )
    made = make(spec)
    assert read_prompts(job(tmp_path, made), "given") == Prompts(
        ("café", "red"), (("a café", "café!"), ("a red", "red!"))
    )
    assert "café" in made.path("prompts.json").read_text("utf-8")


def test_pixels_and_classifiers_are_read_for_inference(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    decode_rows = make(DecodeSpec(stored_size=16), dataset=load(3))
    pixels = read_pixels(job(tmp_path, decode_rows), "given")
    assert pixels.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert {min(pixels[i].shape[:2]) for i in range(6)} == {16}

    recipe = replace(SMALL, stored_size=16, resize=16, augmentation=replace(SMALL.augmentation, size=16), epochs=1)
    trained = make(
        TrainSpec(architecture="small", recipe=recipe, seed=0, numerics=TrainingNumerics()), pixels=decode_rows
    )
    classifier = read_classifier(job(tmp_path, trained), "given", Numerics())
    assert not classifier.network.training
    assert (classifier.design.classes, classifier.design.size) == (2, 16)
    logits = predict(classifier, pixels, view_of(recipe))
    assert logits.shape == (6, 2)
    assert np.isfinite(logits).all()


def test_json_keeps_non_ascii_characters(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"names": ("é", "日本")})
    assert (tmp_path / "x.json").read_bytes().decode("utf-8") == '{"names": ["é", "日本"]}'


@dataclass(frozen=True)
class Forged:
    """An artifact with other bytes, as a received store may contain."""

    manifest: Manifest
    file: Path

    def path(self, name: str) -> Path:
        del name
        return self.file


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"label": -1}, "the label -1, but there are 2 classes"),
        ({"label": 2**62}, "the label 4611686018427387904, but there are 2 classes"),
        ({"label": None}, "the label None, but there are 2 classes"),
        ({"path": None}, "an image without path or group"),
        ({"group": None}, "an image without path or group"),
        ({"data": None}, "an image without bytes"),
        (None, "Parquet"),
    ],
)
def test_rows_that_no_step_has_written_name_their_artifact(
    dataset: Job, tmp_path: Path, change: dict[str, Any] | None, problem: str
) -> None:
    artifact, file = dataset.inputs["given"], tmp_path / "forged"
    rows = [*read_rows(dataset, "given")]
    if change is None:
        file.write_bytes(b"no Parquet")
    else:
        write_shard(file, [rows[0], replace(rows[1], **change)], ("blue", "red"))
    forged = job(tmp_path, Forged(artifact.manifest, file))
    for read in (read_rows, lambda job, name: read_slice(job, name, 0, 2)):
        with pytest.raises(StepFailedError, match=rf"of artifact {artifact.manifest.key[:12]} .*{problem}.*delete its"):
            list(read(forged, "given"))
