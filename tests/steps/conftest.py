from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Step, StepSpec, run_step
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.tasks.source import TaskSource

Make = Callable[..., Artifact]


def make_in(store: LocalStore, spec: StepSpec, **inputs: str | Artifact) -> Artifact:
    keys = {name: given if isinstance(given, str) else given.manifest.key for name, given in inputs.items()}
    step = Step(spec, keys, "a step", 1)
    run_step(step, store, lambda _: None)
    artifact = store.read(step.key)
    assert artifact is not None
    return artifact


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def make(store: LocalStore) -> Make:
    """Run a step and return its artifact. Inputs are artifacts or their keys."""
    return lambda spec, **inputs: make_in(store, spec, **inputs)


@pytest.fixture
def load(make: Make, shared_task: Path) -> Callable[[int], Artifact]:
    """Load the first real training images of each class."""
    task = Pinned(source=TaskSource(folder=str(shared_task)), content="x")
    return lambda per_class: make(LoadSpec(task=task, split="train", per_class=per_class))
