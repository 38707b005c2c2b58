"""The head or a worker is killed at many random moments; the study still gives the same results."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.runs import (
    count_manifests,
    datasets,
    files_by_key,
    finish,
    kill,
    records,
    run_command,
    session_processes,
    start,
)

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store

pytestmark = pytest.mark.slow
KILLS = 40
SEED = 20261124


@pytest.mark.parametrize("run", ["a pipeline"], indirect=True)
@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_random_kills_do_not_change_the_results(
    run: list[str],
    uninterrupted: Path,
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary, cache = tmp_path / "temporary", tmp_path / "cache"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PRETTYUSEFUL_CACHE", str(cache))
    random_source, kills, rounds, moments = random.Random(SEED), Counter[str](), 0, list[int]()
    while kills["leader"] + kills["worker"] < KILLS:
        rounds += 1
        run_folder = tmp_path / f"round{rounds}"
        url = f"{request.getfixturevalue('s3_url')}/{rounds}" if kind == "s3" else str(run_folder / "store")
        store = open_store(url)
        limit = time.monotonic() + 1200
        while True:
            assert time.monotonic() < limit, (run_folder / "log").read_text()
            running, delay = start(run, run_folder, 2, url), random_source.uniform(1.5, 9)
            start_time = time.monotonic()
            while time.monotonic() - start_time < delay and running.poll() is None:
                time.sleep(0.02)
            if running.poll() is not None:
                break
            moments.append(sum(1 for _ in store.list()))
            workers = [pid for pid in session_processes(running.pid) if pid != running.pid]
            if workers and random_source.random() < 0.4:
                kills["worker"] += 1
                os.kill(random_source.choice(workers), signal.SIGKILL)
                running.wait(timeout=240)
            else:
                kills["leader"] += 1
                kill(running)
            files_by_key(run_folder, store)
            if running.poll() == 0:
                break
        end(run, run_folder, store, uninterrupted)
        unfinished = (run_folder / "store" if kind == "folder" else cache) / "tmp"
        assert list(unfinished.iterdir()) == [], "the last start has deleted what killed runs have left"
        assert list(temporary.glob("prettyuseful*")) == []
    print(f"\n{kind}: {rounds} studies, killed: {dict(kills)}, numbers of finished artifacts: {sorted(moments)}")


def end(run: list[str], run_folder: Path, store: Store, uninterrupted: Path) -> None:
    finish(run, run_folder, store.url)
    assert datasets(run_folder) == datasets(uninterrupted) != {}
    assert records(run_folder) == records(uninterrupted)
    assert files_by_key(run_folder, store) == files_by_key(uninterrupted)
    assert (
        run_command("verify", "--store", store.url)
        == f"{count_manifests(uninterrupted)} of {count_manifests(uninterrupted)} artifacts are intact\n"
    )
