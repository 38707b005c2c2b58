from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from tests.engine.running import step

from prettyuseful.engine.events import Event, RunPlanned
from prettyuseful.engine.session import Execution
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError, StudyError
from prettyuseful.numerics import Numerics


@pytest.mark.parametrize("workers", [1, 2])
def test_number_of_workers_is_respected(planted_steps: ModuleType, tmp_path: Path, workers: int) -> None:
    events: list[Event] = []
    a = step(planted_steps.WriteSpec(text="a"))
    steps = {s.key: s for s in (a, step(planted_steps.WriteSpec(text="not wanted")))}
    with Execution(tmp_path / "store", workers, on_event=events.append).session(Numerics()) as session:
        assert session.run(steps, [a.key]).completed == {a.key}
    first = events[0]
    assert isinstance(first, RunPlanned)
    assert (list(first.steps), first.workers, first.store) == ([a.key], workers, session.store)
    assert [event.kind for event in events[1:]] == ["waiting", "started", "finished"]
    artifact = LocalStore(tmp_path / "store").read(a.key)
    assert artifact is not None
    assert (artifact.manifest.facts["pid"] == os.getpid()) == (workers == 1)


def test_session_can_run_an_extended_plan(planted_steps: ModuleType, tmp_path: Path) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    b = step(planted_steps.WriteSpec(text="b"), a)
    with Execution(str(tmp_path / "store"), 1).session(Numerics()) as session:
        assert session.run({a.key: a}, [a.key]).completed == {a.key}
        assert session.run({a.key: a, b.key: b}, [b.key]).completed == {b.key}


def test_failure_to_open_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for execution, error in (
        (Execution(tmp_path / "file" / "store"), StoreError),
        (Execution(tmp_path / "store", on="rai"), StudyError),
        (Execution(tmp_path / "store", workers=2, on="ray"), StudyError),
    ):
        with pytest.raises(error), execution.session(Numerics()):
            pass
