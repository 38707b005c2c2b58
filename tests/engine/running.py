"""Runs planted steps like the steps of a study, and reads their artifacts."""

from __future__ import annotations

from prettyuseful.engine.events import Event
from prettyuseful.engine.execute import Outcome, execute
from prettyuseful.engine.step import Step, StepSpec
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers


def step(spec: StepSpec, *inputs: Step) -> Step:
    return Step(spec, {str(i): s.key for i, s in enumerate(inputs)}, str(spec), 1.0)


def run(store: LocalStore, *steps: Step, workers: int = 1, events: list[Event] | None = None) -> Outcome:
    by_key = {s.key: s for s in steps}
    with LocalWorkers(store, workers) as open_workers:
        return execute(by_key, by_key, store, open_workers, (events if events is not None else []).append)


def content(store: LocalStore, s: Step) -> str:
    artifact = store.read(s.key)
    assert artifact is not None
    return artifact.path("out").read_text()
