"""Killed at many random moments, leader or worker: the study ends, and what it leaves is what a whole run leaves."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.runs import datasets, files_by_key, finish, kill, manifests, members, records, start, tell

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store

pytestmark = pytest.mark.slow
KILLS = 40
SEED = 20261124


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_random_kills_change_nothing(
    run: list[str], whole: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    chance, told, rounds, moments = random.Random(SEED), Counter[str](), 0, list[int]()
    while told["leader"] + told["worker"] < KILLS:
        rounds += 1
        place = tmp_path / f"round{rounds}"
        url = f"{request.getfixturevalue('s3_url')}/{rounds}" if kind == "s3" else str(place / "store")
        store = open_store(url)
        limit = time.monotonic() + 1200
        while True:
            assert time.monotonic() < limit, (place / "log").read_text()
            running, delay = start(run, place, 2, url), chance.uniform(1.5, 9)
            began = time.monotonic()
            while time.monotonic() - began < delay and running.poll() is None:
                time.sleep(0.02)
            if running.poll() is not None:
                break
            moments.append(sum(1 for _ in store.list()))
            workers = [pid for pid in members(running.pid) if pid != running.pid]
            if workers and chance.random() < 0.4:
                told["worker"] += 1
                os.kill(chance.choice(workers), signal.SIGKILL)
                running.wait(timeout=240)
            else:
                told["leader"] += 1
                kill(running)
            files_by_key(place, store)
            if running.poll() == 0:
                break
        end(run, place, store, whole)
    print(f"\n{kind}: {rounds} studies, killed: {dict(told)}, with so many artifacts made: {sorted(moments)}")


def end(run: list[str], place: Path, store: Store, whole: Path) -> None:
    finish(run, place, 2, store.url)
    assert datasets(place) == datasets(whole) != {}
    assert records(place) == records(whole)
    assert files_by_key(place, store) == files_by_key(whole)
    assert tell("verify", "--store", store.url) == f"{manifests(whole)} of {manifests(whole)} artifacts are whole\n"
