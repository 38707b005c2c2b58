"""Training that starts from the weights of another classifier, and resumed training."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.portions import Portion
from prettyuseful.engine.step import Step, run_step
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.steps.classifiers import DecodeSpec, TrainMixSpec, TrainSpec
from prettyuseful.training.recipes import SMALL

Make = Callable[..., Artifact]


@pytest.fixture
def few(make: Make, load: Callable[[int], Artifact]) -> Artifact:
    return make(DecodeSpec(stored_size=16), dataset=load(4))


@pytest.fixture
def many(make: Make, load: Callable[[int], Artifact]) -> Artifact:
    return make(DecodeSpec(stored_size=16), dataset=load(8))


def training(**changes: Any) -> TrainSpec:
    small = {"stored_size": 16, "resize": 16, "augmentation": replace(SMALL.augmentation, size=16)}
    recipe = replace(SMALL, **{"epochs": 2, "batch_size": 8, **small, **changes})
    return TrainSpec(architecture="small", recipe=recipe, seed=0, numerics=TrainingNumerics())


def head(classifier: Artifact) -> np.ndarray:
    weights: np.ndarray = load_file(classifier.path("weights.safetensors"))["head.weight"]
    return weights


def test_training_starts_from_the_weights_of_another_classifier(make: Make, few: Artifact, many: Artifact) -> None:
    first, scratch = make(training(), pixels=few), make(training(), pixels=many)
    tuned = make(training(), pixels=many, start=first)
    assert tuned.manifest.key != scratch.manifest.key
    assert not np.array_equal(head(tuned), head(scratch))
    still = make(training(learning_rate=0.0), pixels=many, start=first)
    assert np.array_equal(head(still), head(first))


def mixing(portions: dict[str, tuple[int, int]], **changes: Any) -> TrainMixSpec:
    """Portions: images of each class, and the first of them, by input."""
    return TrainMixSpec(
        **dict(training(**changes)),
        portions={
            name: Portion(per_class=ClassCounts(number), first=ClassCounts(first))
            for name, (number, first) in portions.items()
        },
    )


@pytest.mark.parametrize("checkpoint", ["last", "lowest-validation-loss"])
def test_a_portion_gives_the_classifier_of_a_data_set_of_these_images(
    make: Make, few: Artifact, many: Artifact, checkpoint: str
) -> None:
    part = make(mixing({"many": (4, 0)}, checkpoint=checkpoint), many=many)
    assert np.array_equal(head(part), head(make(training(checkpoint=checkpoint), pixels=few)))
    other = make(mixing({"many": (4, 4)}, checkpoint=checkpoint), many=many)
    assert not np.array_equal(head(part), head(other))


def test_portions_of_several_data_sets_are_trained_on_together(make: Make, few: Artifact, many: Artifact) -> None:
    alone, both = (
        make(mixing(portions), few=few, many=many) for portions in ({"few": (4, 0)}, {"few": (4, 0), "many": (4, 4)})
    )
    assert not np.array_equal(head(alone), head(both))
    whole = make(training(), pixels=many)
    assert both.manifest.facts["last_epoch"].keys() == whole.manifest.facts["last_epoch"].keys()


def test_another_start_gives_another_classifier(make: Make, few: Artifact, many: Artifact) -> None:
    starts = (make(training(epochs=epochs), pixels=few) for epochs in (1, 2))
    keys = {make(training(), pixels=many, start=start).manifest.key for start in starts}
    assert len(keys) == 2


class StoppedError(Exception):
    """Raised to interrupt a training."""


def interrupt(store: LocalStore, spec: TrainSpec, pixels: Artifact, at: float) -> Step:
    """Run a training that stops after the fraction `at` of its epochs, as if its process had died."""
    step = Step(spec, {"pixels": pixels.manifest.key}, "train", 1)

    def stop(fraction: float) -> None:
        if fraction >= at:
            raise StoppedError

    with pytest.raises(StepFailedError, match="StoppedError"):
        run_step(step, store, stop)
    return step


def files(store: LocalStore, step: Step) -> dict[str, str]:
    artifact = store.read(step.key)
    assert artifact is not None
    return {entry.name: entry.sha256 for entry in artifact.manifest.files}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.steps.classifiers.CHECKPOINT_EVERY", 0.0)


@pytest.mark.usefixtures("often")
def test_a_resumed_training_gives_the_same_bytes(few: Artifact, store: LocalStore, tmp_path: Path) -> None:
    shutil.copytree(store.root, tmp_path / "elsewhere")
    elsewhere, heard = LocalStore(tmp_path / "elsewhere"), list[float]()
    step = interrupt(store, training(epochs=6), few, at=0.5)
    for place in (store, elsewhere):
        run_step(step, place, heard.append)
    assert len(heard) == 3 + 6  # half of the epochs in the first store, all of them in the second
    assert files(store, step) == files(elsewhere, step)
    assert not store.checkpoint_dir(step.key).exists()


@pytest.mark.usefixtures("often")
def test_a_corrupted_checkpoint_is_skipped_with_a_warning(few: Artifact, store: LocalStore) -> None:
    step = interrupt(store, training(epochs=6), few, at=0.5)
    last = max(store.checkpoint_dir(step.key).glob("*.pt"))
    last.write_bytes(last.read_bytes()[:-100])
    manifest = run_step(step, store, lambda _: None)
    assert manifest is not None
    assert "the checkpoint of epoch 3" in manifest.facts["warnings"][0]
    assert "resumes from epoch 2" in manifest.facts["warnings"][0]


def change(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda state: {**state, name: value}


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "forge",
    [
        lambda _: {},
        lambda _: [["lines", 1]],
        change("lines", 3),
        change("lines", ["x"] * 3),
        lambda state: {**state, "lines": state["lines"][:2]},
        change("random", 6),
        lambda state: {**state, "schedule": {**state["schedule"], "step": 5}},
        lambda state: {**state, "model": {**state["model"], "more": torch.zeros(1)}},
    ],
)
def test_a_training_begins_again_if_no_checkpoint_can_be_used(
    few: Artifact, store: LocalStore, tmp_path: Path, forge: Callable[[dict[str, Any]], object]
) -> None:
    shutil.copytree(store.root, tmp_path / "elsewhere")
    elsewhere = LocalStore(tmp_path / "elsewhere")
    step = interrupt(store, training(epochs=6), few, at=0.5)
    older, last = sorted(store.checkpoint_dir(step.key).glob("*.pt"))
    older.unlink()
    content = io.BytesIO()
    torch.save(forge(torch.load(last, weights_only=True)), content)
    last.rename(last.with_name(f"v1-000003-{hashlib.sha256(content.getvalue()).hexdigest()}.pt")).write_bytes(
        content.getvalue()
    )
    manifest = run_step(step, store, lambda _: None)
    assert manifest is not None
    assert "the checkpoint of epoch 3" in manifest.facts["warnings"][0]
    run_step(step, elsewhere, lambda _: None)
    assert files(store, step) == files(elsewhere, step)
