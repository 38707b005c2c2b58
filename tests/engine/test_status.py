from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tests.engine.running import run, step

from prettyuseful.engine.execute import select_missing_steps
from prettyuseful.engine.status import KindStatus, Status, status_of
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.local import LocalStore


@pytest.fixture
def steps(planted_steps: ModuleType) -> list[Step]:
    """Three steps that write, and one of another kind that fails."""
    return [*(step(planted_steps.WriteSpec(text=text)) for text in "abc"), step(planted_steps.FailSpec())]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def status(steps: list[Step], store: LocalStore) -> Status:
    by_key = {s.key: s for s in steps}
    return status_of(by_key, select_missing_steps(by_key, by_key, store), store)


def test_all_steps_wait_before_the_first_run(steps: list[Step], store: LocalStore) -> None:
    kinds = (KindStatus("load", 3, 0, 0, 0, 3), KindStatus("train", 1, 0, 0, 0, 1))
    assert status(steps, store) == Status(kinds, (), {})


def test_steps_are_done_running_failed_or_waiting(steps: list[Step], store: LocalStore) -> None:
    done, busy, _, bad = steps
    run(store, done, bad)
    with store.claim(busy.key):
        result = status(steps, LocalStore(store.root))
    assert result.kinds == (KindStatus("load", 3, 1, 1, 0, 1), KindStatus("train", 1, 0, 0, 1, 0))
    assert result.running == (busy.label,)
    assert result.failed == {bad.label: "RuntimeError: no luck"}


def test_retried_step_is_running_and_not_failed(steps: list[Step], store: LocalStore) -> None:
    bad = steps[-1]
    run(store, bad)
    with store.claim(bad.key):
        result = status(steps, store)
    assert (result.running, result.failed) == ((bad.label,), {})
    assert result.kinds[1] == KindStatus("train", 1, 0, 1, 0, 0)


def test_other_studies_in_the_store_do_not_count(
    planted_steps: ModuleType, steps: list[Step], store: LocalStore
) -> None:
    others = step(planted_steps.WriteSpec(text="other"))
    store.record_failure("0" * 64, "other")
    run(store, others)
    with store.claim("1" * 64):
        assert status(steps, store) == status(steps, LocalStore(store.root / "empty"))
