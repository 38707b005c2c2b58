"""What steps read of the artifacts of others, which real steps have left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.engine.step import Job
from prettyuseful.engine.store.base import Artifact
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES, Prompts
from prettyuseful.steps.classifiers import DecodeSpec, TrainSpec
from prettyuseful.steps.inputs import (
    classes_of,
    classifier_of,
    part_of,
    pixels_of,
    prompts_of,
    rows_of,
    write_json,
)
from prettyuseful.steps.prompts import PromptSpec
from prettyuseful.training.inference import predict
from prettyuseful.training.recipes import SMALL, view_of

Make = Callable[..., Artifact]


def job(folder: Path, artifact: Artifact) -> Job:
    """A step that is given one artifact, by the name `given`."""
    return Job({"given": artifact}, folder, folder / "checkpoints", lambda _: None)


@pytest.fixture
def dataset(load: Callable[[int], Artifact], tmp_path: Path) -> Job:
    return job(tmp_path, load(3))


def test_rows_come_in_order_with_the_names_of_their_classes(dataset: Job) -> None:
    rows = list(rows_of(dataset, "given"))
    assert [row.label for row in rows] == [0, 0, 0, 1, 1, 1]
    assert classes_of(dataset, "given") == ("blue", "red")
    assert [classes_of(dataset, "given")[row.label] in row.path for row in rows] == [True] * 6


@pytest.mark.parametrize(("first", "stop"), [(0, 6), (2, 4), (5, 9), (6, 6)])
def test_a_part_is_those_rows_alone(dataset: Job, first: int, stop: int) -> None:
    assert list(part_of(dataset, "given", first, stop)) == list(rows_of(dataset, "given"))[first:stop]


def test_prompts_are_those_that_were_written(make: Make, tmp_path: Path) -> None:
    spec = PromptSpec(
        strategy=PROMPT_STRATEGIES.pinned("template"), classes=("café", "red"), options={"templates": ["a {}", "{}!"]}
    )
    made = make(spec)
    assert prompts_of(job(tmp_path, made), "given") == Prompts(
        ("café", "red"), (("a café", "café!"), ("a red", "red!"))
    )
    assert "café" in made.path("prompts.json").read_text("utf-8")


def test_pixels_and_a_classifier_are_ready_to_work_with(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    decoded = make(DecodeSpec(stored_size=16), dataset=load(3))
    pixels = pixels_of(job(tmp_path, decoded), "given")
    assert pixels.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert {min(pixels[i].shape[:2]) for i in range(6)} == {16}

    recipe = replace(SMALL, stored_size=16, resize=16, augmentation=replace(SMALL.augmentation, size=16), epochs=1)
    trained = make(TrainSpec(architecture="small", recipe=recipe, seed=0, numerics=TrainingNumerics()), pixels=decoded)
    classifier = classifier_of(job(tmp_path, trained), "given", Numerics())
    assert not classifier.network.training
    assert (classifier.design.classes, classifier.design.size) == (2, 16)
    logits = predict(classifier, pixels, view_of(recipe))
    assert logits.shape == (6, 2)
    assert np.isfinite(logits).all()


def test_json_keeps_letters_as_they_are(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"names": ("é", "日本")})
    assert (tmp_path / "x.json").read_bytes().decode("utf-8") == '{"names": ["é", "日本"]}'
