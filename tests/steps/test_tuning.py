"""The step that tunes a generator reads real training images only, and its weights change the images made with them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import read_shard
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Step, StepSpec, run_step
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, MemoryLimitError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice, Lora, choice_of
from prettyuseful.generators.weights import LORA_NAME
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.generation import Encoding, GenerateSpec
from prettyuseful.steps.prompts import PromptSpec
from prettyuseful.steps.tuning import TuneSpec
from prettyuseful.tasks.source import TaskSource
from prettyuseful.tuning.families import TUNED
from prettyuseful.tuning.loop import Tuning
from prettyuseful.tuning.plan import TuneSettings

CLASSES = ("blue", "red")
SETTINGS = TuneSettings(steps=2, batch_size=2, rank=2, learning_rate=1e-2)
LONG = SETTINGS.model_copy(update={"steps": 40})


class Steps:
    """Runs steps in a store of its own."""

    def __init__(self, root: Path, task: Path) -> None:
        self.store = LocalStore(root)
        self.task = Pinned(source=TaskSource(folder=str(task)), content="x")

    def run(self, spec: StepSpec, **inputs: str) -> Artifact:
        step = Step(spec, {name.replace("_", " "): key for name, key in inputs.items()}, "a step", 1)
        run_step(step, self.store, lambda _: None)
        artifact = self.store.read(step.key)
        assert artifact is not None
        return artifact

    def prompts(self) -> str:
        strategy = PROMPT_STRATEGIES.pin("template")
        spec = PromptSpec(strategy=strategy, classes=CLASSES, options={"templates": ["a {}"]})
        return self.run(spec).manifest.key

    def tuned(self, split: Any = "train", **changes: Any) -> Artifact:
        load = LoadSpec(task=self.task, split=split, per_class=ClassCounts(3))
        fields: dict[str, Any] = {"settings": SETTINGS, "label": None, "seed": 0, **changes}
        model = Pinned(source=choice_of("pocket-base"), content="x")
        spec = TuneSpec(generator="pocket-base", model=model, numerics=Numerics(), **fields)
        return self.run(spec, images=self.run(load).manifest.key, prompts=self.prompts())


@pytest.fixture
def steps(tmp_path: Path, shared_task: Path) -> Steps:
    return Steps(tmp_path / "store", shared_task)


def test_images_are_made_with_the_tuned_weights(steps: Steps) -> None:
    tuned = steps.tuned()
    facts = tuned.manifest.facts
    assert (facts["images"], facts["size"]) == (6, 32)
    assert facts["loss_before"] != facts["loss_after"]
    assert len(json.loads(tuned.path("losses.json").read_text())) == 2
    assert all(name.startswith("unet.") and ".lora" in name for name in load_file(tuned.path(LORA_NAME)))

    def images(weight: float | None) -> list[bytes]:
        choice = GeneratorChoice(model="pocket-base", lora=() if weight is None else Lora(path="mine", weight=weight))
        spec = GenerateSpec(
            generator="pocket-base",
            model=Pinned(source=choice, content=weight),
            sampling=Sampling(steps=2, cfg=1.0),
            label=0,
            images=2,
            prompts=1,
            first=0,
            stop=1,
            seed=0,
            micro_batch=2,
            numerics=Numerics(),
            encoding=Encoding(sequence=None, mixed=False),
        )
        more = {} if weight is None else {"lora_0": tuned.manifest.key}
        made = steps.run(spec, prompts=steps.prompts(), **more)
        assert made.manifest.facts["applied"].get("lora") == (None if weight is None else [f"mine at {weight:g}"])
        return [row.data for row in read_shard(made.path("shard.parquet"))]

    assert images(None) == images(0.0) != images(1.0)


_KILLED = """
import sys
from pathlib import Path

import prettyuseful.steps.tuning
from tests.steps.test_tuning import LONG, Steps

prettyuseful.steps.tuning.CHECKPOINT_EVERY = 0
Steps(Path(sys.argv[1]), Path(sys.argv[2])).tuned(settings=LONG)
"""


@pytest.mark.slow
def test_a_tuning_that_is_killed_ends_with_the_same_bytes(
    tmp_path: Path, shared_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Steps(tmp_path / "whole", shared_task).tuned(settings=LONG)
    store = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(store), str(shared_task)], start_new_session=True)
    while len(list(store.glob("checkpoints/*/*"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    losses, step = list[float](), Tuning._step

    def count(tuning: Tuning) -> float:
        losses.append(step(tuning))
        return losses[-1]

    monkeypatch.setattr(Tuning, "_step", count)
    resumed = Steps(store, shared_task).tuned(settings=LONG)
    assert 0 < len(losses) < LONG.steps
    for name in (LORA_NAME, "losses.json"):
        assert resumed.path(name).read_bytes() == whole.path(name).read_bytes()
    assert resumed.manifest.facts == whole.manifest.facts
    assert resumed.manifest.key == whole.manifest.key


def test_a_class_of_its_own_has_other_weights_and_another_key(steps: Steps) -> None:
    whole, red = steps.tuned(), steps.tuned(label=1)
    assert red.manifest.facts["images"] == 3
    assert red.manifest.key != whole.manifest.key
    assert red.path(LORA_NAME).read_bytes() != whole.path(LORA_NAME).read_bytes()


def test_a_step_that_exceeds_the_memory_fails_in_one_line(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, a batch is never divided, because rounding would change the bytes."""

    def loss(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setitem(TUNED, "sd", replace(TUNED["sd"], loss=loss))
    with pytest.raises(MemoryLimitError) as error:
        steps.tuned()
    assert str(error.value) == ("pocket-base: a training step exceeds the memory; set a smaller batch_size or size")


def test_test_images_are_refused(steps: Steps) -> None:
    with pytest.raises(DataError, match="on real training images only, never on test images"):
        steps.tuned(split="test")
