from __future__ import annotations

import weakref
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from tests.engine import running
from tests.engine.test_deletion import make_deep

from prettyuseful.engine.cache import cached_model, release_model
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Step, StepSpec, run_step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import CorruptArtifactError, StepFailedError
from prettyuseful.steps.classifiers import EvaluateSpec, TrainMixSpec, TrainSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.linear_probe import FitMixSpec, FitProbeSpec
from prettyuseful.steps.measures import MeasureSpec


class Note(StepSpec):
    kind: ClassVar[str] = "prompt"
    text: str = "hello"

    def make(self, job: Job) -> dict[str, Any]:
        job.progress(0.5)
        (job.folder / "note.txt").write_text(self.text)
        return {"letters": len(self.text)}


class Reading(Note):
    file: Pinned[str] = Pinned("here", "its digest")


class OtherKind(Note):
    kind: ClassVar[str] = "caption"


class NextVersion(Note):
    version: ClassVar[int] = 2


class Adopting(Note):
    def make(self, job: Job) -> dict[str, Any]:
        job.adopt("second.txt", job.inputs["note"].manifest.files[0])
        return super().make(job)


class Counting(Note):
    def make(self, job: Job) -> dict[str, Any]:
        return {**super().make(job), "mean": float("nan")}


class Broken(Note):
    error: ClassVar[BaseException] = RuntimeError("half-way")

    def make(self, job: Job) -> dict[str, Any]:
        super().make(job)
        raise self.error


def step(spec: StepSpec, **inputs: str) -> Step:
    return Step(spec, inputs, "a note", 1.0)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_key_depends_on_everything_that_changes_the_content() -> None:
    specs = [Note(), Note(text="bye"), OtherKind(), NextVersion()]
    keys = [step(spec).key for spec in specs] + [
        step(Note(), a="1").key,
        step(Note(), b="1").key,
        step(Note(), a="2").key,
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_depend_on_labels_amounts_or_locations() -> None:
    assert step(Note()).key == Step(Note(), {}, "another label", 9.0).key
    assert step(Reading()).key == step(Reading(file=Pinned("there", "its digest"))).key
    assert step(Reading()).key != step(Reading(file=Pinned("here", "another digest"))).key
    assert step(Note(), a="1", b="2").key == step(Note(), b="2", a="1").key


def test_keys_are_pinned() -> None:
    # A change of this key invalidates all stores: increase step versions instead.
    assert step(Note(), a="1").key == "d543d0690838cc96e76597b6561aa752de83dd9de89b08a5f57af22b6c04615a"


def test_step_is_made_once(store: LocalStore) -> None:
    progress: list[float] = []
    first = run_step(step(Note()), store, progress.append)
    assert first is not None
    assert progress == [0.5]
    assert first.facts == {"letters": 5}
    assert first.spec == {"text": "hello"}
    assert run_step(step(Note()), store, progress.append) == first
    assert progress == [0.5]


def test_failed_step_leaves_no_artifact(store: LocalStore) -> None:
    with pytest.raises(StepFailedError, match="RuntimeError: half-way"):
        run_step(step(Broken()), store, lambda _: None)
    assert list(store.list()) == []
    with store.claim(step(Broken()).key) as claimed:
        assert claimed


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, BaseException])
def test_step_that_raises_anything_fails_without_secrets(
    store: LocalStore, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "canary-1234")
    monkeypatch.setattr(Broken, "error", kind("with\ncanary-1234"))
    with pytest.raises(StepFailedError) as error:
        run_step(step(Broken()), store, lambda _: None)
    assert str(error.value) == f"{kind.__name__}: with [MY_TOKEN]"


def test_interruption_is_no_failure_of_the_step(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_step(step(Broken()), store, lambda _: None)


def test_step_with_checkpoints_of_any_depth_is_committed(store: LocalStore) -> None:
    deep = store.checkpoint_dir(step(Note()).key)
    make_deep(deep, 1_500)
    assert run_step(step(Note()), store, lambda _: None) is not None
    assert not deep.exists()


def test_facts_that_json_does_not_have_fail_the_step(store: LocalStore) -> None:
    with pytest.raises(StepFailedError, match="facts of the step cannot be written as JSON"):
        run_step(step(Counting()), store, print)
    assert list(store.list()) == []


def test_adopted_file_is_in_both_artifacts(store: LocalStore) -> None:
    run_step(step(Note()), store, lambda _: None)
    both = run_step(step(Adopting(text="x"), note=step(Note()).key), store, lambda _: None)
    assert both is not None
    assert [entry.name for entry in both.files] == ["second.txt", "note.txt"]
    artifact = store.read(both.key)
    assert artifact is not None
    assert artifact.path("second.txt").read_text() == "hello"


def test_missing_input_is_reported(store: LocalStore) -> None:
    with pytest.raises(CorruptArtifactError, match="is incomplete in the store"):
        run_step(step(Adopting(), note=step(Note()).key), store, lambda _: None)


def test_claimed_step_is_left_to_its_holder(store: LocalStore) -> None:
    with store.claim(step(Note()).key):
        assert run_step(step(Note()), LocalStore(store.root), lambda _: None) is None


class Model:
    """What a step has loaded."""


@pytest.mark.parametrize(("spec", "stays"), [("WriteSpec", True), ("LargeSpec", False)])
def test_a_step_states_whether_a_loaded_model_stays_in_memory(
    planted_steps: ModuleType, tmp_path: Path, spec: str, stays: bool
) -> None:
    store = LocalStore(tmp_path / "store")
    model = weakref.ref(cached_model(Model))
    run_step(running.step(getattr(planted_steps, spec)(text="a")), store, lambda _: None)
    assert (model() is not None) == stays
    release_model()


def test_training_and_tests_release_the_pipeline_that_generated_images() -> None:
    specs = (TrainSpec, TrainMixSpec, EvaluateSpec, FitProbeSpec, FitMixSpec, MeasureSpec)
    assert not any(spec.keeps_model for spec in specs)
    assert GenerateSpec.keeps_model
