from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from tests.engine.running import content, run, step

from prettyuseful.engine.events import Event, StepEvent, ignore
from prettyuseful.engine.execute import Outcome, execute, select_missing_steps
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.errors import DataError, StoreError, StoreUnavailableError


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.mark.parametrize("workers", [1, 2])
def test_steps_run_in_order_of_their_inputs(planted_steps: ModuleType, store: LocalStore, workers: int) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    b = step(planted_steps.WriteSpec(text="b"), a)
    c = step(planted_steps.WriteSpec(text="c"), a, b)
    outcome = run(store, a, b, c, workers=workers)
    assert outcome.completed == {a.key, b.key, c.key}
    assert content(store, c) == "caba"
    if workers > 1:
        artifact = store.read(c.key)
        assert artifact is not None
        assert artifact.manifest.facts["pid"] != os.getpid()


def test_finished_steps_are_skipped(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    run(store, a)
    events: list[Event] = []
    assert run(store, a, events=events) == Outcome()
    assert [event.kind for event in events] == ["planned"]


def test_missing_inputs_of_finished_steps_are_not_made(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    b = step(planted_steps.WriteSpec(text="b"), a)
    run(store, a, b)
    (store.root / "manifests" / a.key[:2] / f"{a.key}.json").unlink()
    steps = {s.key: s for s in (a, b)}
    assert select_missing_steps(steps, [b.key], store) == {}
    assert list(select_missing_steps(steps, [a.key, b.key], store)) == [a.key]


def test_failure_blocks_only_dependent_steps(planted_steps: ModuleType, store: LocalStore) -> None:
    bad = step(planted_steps.FailSpec())
    after = step(planted_steps.WriteSpec(text="after"), bad)
    second_after = step(planted_steps.WriteSpec(text="second_after"), after)
    good = step(planted_steps.WriteSpec(text="good"))
    outcome = run(store, bad, after, second_after, good)
    assert outcome.failed == {bad.key: "RuntimeError: no luck"}
    assert outcome.blocked == {after.key, second_after.key}
    assert outcome.completed == {good.key}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_does_not_fit_into_the_memory_is_not_tried_in_parts(
    planted_steps: ModuleType, store: LocalStore, workers: int
) -> None:
    """The parts of a data set that cannot be completed are not made, and neither is what only they need."""
    texts = [step(planted_steps.WriteSpec(text=f"prompt {i}")) for i in range(4)]
    parts = [step(planted_steps.HungrySpec(text=f"part {i}"), texts[i]) for i in range(4)]
    whole = step(planted_steps.WriteSpec(text="data set"), *parts)
    tested = step(planted_steps.WriteSpec(text="test"), whole)
    shared = step(planted_steps.WriteSpec(text="real"), texts[3])
    others = step(planted_steps.WriteSpec(text="other data set"), shared)
    # Parts come directly after their prompts, so that the first one fails before the others start.
    order = [texts[0], parts[0], texts[1], parts[1], texts[2], parts[2], texts[3], parts[3], whole, tested]
    steps = {s.key: s for s in (*order, shared, others)}
    with LocalWorkers(store, workers) as open_workers:
        outcome = execute(steps, [tested.key, others.key], store, open_workers, ignore)
    failed = outcome.failed.keys()
    assert set(outcome.failed.values()) == {"4 images exceed the memory; 2 fit"}
    assert 1 <= len(failed) <= workers
    assert {whole.key, tested.key} <= outcome.blocked
    assert {texts[3].key, shared.key, others.key} <= outcome.completed
    assert failed | outcome.blocked | outcome.completed == steps.keys()
    assert workers > 1 or {texts[1].key, texts[2].key} <= outcome.blocked


@pytest.mark.parametrize("workers", [1, 2])
def test_causes_of_failures_have_no_secrets(
    planted_steps: ModuleType,
    store: LocalStore,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MY_PASSPHRASE", "canary one\ncanary two")
    monkeypatch.setenv("WORDS", "401:\n  canary one\n  canary two")
    bad = step(planted_steps.FailSpec(variable="WORDS"))
    events: list[Event] = []
    outcome = run(store, bad, workers=workers, events=events)
    expected = "RuntimeError: 401: [MY_PASSPHRASE]"
    assert outcome.failed == store.failures() == {bad.key: expected}
    assert [event.cause for event in events if isinstance(event, StepEvent) and event.kind == "failed"] == [expected]
    assert "canary" not in caplog.text


def test_user_error_stops_the_run_and_keeps_artifacts(planted_steps: ModuleType, store: LocalStore) -> None:
    good = step(planted_steps.WriteSpec(text="good"))
    with pytest.raises(DataError, match="a broken image"):
        run(store, good, step(planted_steps.FailSpec(user=True)))
    assert content(store, good) == "good"


@pytest.mark.parametrize("workers", [1, 2])
def test_temporarily_unreachable_storage_is_retried(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "flag").write_text("xx")
    lone = step(planted_steps.UnreachableStorageSpec(text="there", flag=str(tmp_path / "flag")))
    events: list[Event] = []
    assert run(store, lone, workers=workers, events=events).failed == {}
    assert content(store, lone) == "there"
    assert [event.cause for event in events if event.kind == "retried"] == ["no answer", "no answer"]


def test_unreachable_storage_stops_the_run_without_failed_steps(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "flag").write_text("xxxxx")
    with pytest.raises(StoreUnavailableError, match="no answer"):
        run(store, step(planted_steps.UnreachableStorageSpec(text="there", flag=str(tmp_path / "flag"))))
    assert (tmp_path / "flag").read_text() == "xx", "three attempts"
    assert store.failures() == {}


def test_full_disk_is_not_retried(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("xxxxx")
    full = step(planted_steps.UnreachableStorageSpec(text="there", flag=str(tmp_path / "flag"), full=True))
    with pytest.raises(StoreError, match=r"no space left for .*--store"):
        run(store, full)
    assert (tmp_path / "flag").read_text() == "xxxx"


def test_corrupt_input_is_made_again(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    b = step(planted_steps.WriteSpec(text="b"), a)
    run(store, a)
    artifact = store.read(a.key)
    assert artifact is not None
    path = store.root / "objects" / artifact.manifest.files[0].sha256[:2] / artifact.manifest.files[0].sha256
    path.chmod(0o644)
    path.write_bytes(b"X")
    events: list[Event] = []
    outcome = run(LocalStore(store.root), a, b, events=events)
    assert outcome.failed == {}
    assert content(LocalStore(store.root), b) == "ba"
    assert any(event.kind == "retried" and "differs from its manifest" in event.cause for event in events)


def test_step_claimed_by_another_process_is_awaited(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    script = (
        "import sys, time; from pathlib import Path; from prettyuseful.engine.store.local import LocalStore\n"
        "with LocalStore(Path(sys.argv[1])).claim(sys.argv[2]): print('mine', flush=True); time.sleep(1.5)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(store.root), a.key], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    started = time.monotonic()
    assert run(store, a).completed == {a.key}
    assert time.monotonic() - started > 0.8
    holder.wait()


def test_parallel_steps_recover_from_a_shared_corrupt_input(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    after = [step(planted_steps.WriteSpec(text=f"{i}"), a) for i in range(6)]
    run(store, a)
    artifact = store.read(a.key)
    assert artifact is not None
    entry = artifact.manifest.files[0]
    path = store.root / "objects" / entry.sha256[:2] / entry.sha256
    path.chmod(0o644)
    path.write_bytes(b"X")
    outcome = run(LocalStore(store.root), a, *after, workers=2)
    assert outcome.failed == {}
    assert [content(LocalStore(store.root), s) for s in after] == [f"{i}a" for i in range(6)]
