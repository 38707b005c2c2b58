"""A study with its store on S3, on several machines, some of which die: equal to one in a folder."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.runs import datasets, files_by_key, finish, kill, manifests, records, start, tell

from prettyuseful.engine.store.open import exists, open_store


def on_machine(name: str, command: list[str], place: Path, store: str) -> subprocess.Popen[bytes]:
    """With nothing but the store in common with the other machines."""
    environment = {**os.environ, "PRETTYUSEFUL_CACHE": str(place.parent / name)}
    return start([*command, "--worker"], place, 1, store, environment)


def test_a_study_on_object_storage_is_the_same(run: list[str], whole: Path, tmp_path: Path, s3_url: str) -> None:
    place, url = tmp_path / "s3", f"{s3_url}/store"
    first = on_machine("first", run, place, url)
    while not exists(url):
        assert first.poll() is None, (place / "log").read_text()
        time.sleep(0.1)
    store = open_store(url)
    while len(list(store.list())) < 3:
        assert first.poll() is None, (place / "log").read_text()
        time.sleep(0.05)
    kill(first)
    files_by_key(place, store)
    second, third = (on_machine(name, run, place, url) for name in ("second", "third"))
    assert [second.wait(timeout=240), third.wait(timeout=240)] == [0, 0], (place / "log").read_text()
    finish(run, place, 1, url)
    assert datasets(place) == datasets(whole) != {}
    assert records(place) == records(whole)
    assert files_by_key(place, store) == files_by_key(whole)
    assert tell("verify", "--store", url) == f"{manifests(whole)} of {manifests(whole)} artifacts are whole\n"
    assert tell("gc", run[1], "--store", url, "--yes").startswith("nothing to remove")
