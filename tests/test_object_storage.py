"""A study with its store on S3 and several machines, some of which are killed, equals one in a folder."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.runs import count_manifests, datasets, files_by_key, finish, kill, records, run_command, start

from prettyuseful.engine.store.open import open_store, store_exists


def start_machine(name: str, command: list[str], run_folder: Path, store: str) -> subprocess.Popen[bytes]:
    """Start a worker that shares only the store with the other machines."""
    environment = {**os.environ, "PRETTYUSEFUL_CACHE": str(run_folder.parent / name)}
    return start([*command, "--steps-only"], run_folder, 1, store, environment)


@pytest.mark.integration
def test_study_on_object_storage_gives_the_same_results(
    run: list[str], uninterrupted: Path, tmp_path: Path, s3_url: str
) -> None:
    run_folder, url = tmp_path / "s3", f"{s3_url}/store"
    first = start_machine("first", run, run_folder, url)
    while not store_exists(url):
        assert first.poll() is None, (run_folder / "log").read_text()
        time.sleep(0.1)
    store = open_store(url)
    while len(list(store.list())) < 3:
        assert first.poll() is None, (run_folder / "log").read_text()
        time.sleep(0.05)
    kill(first)
    files_by_key(run_folder, store)
    second = start_machine("second", run, run_folder, url)
    finish(run, run_folder, url)  # this process is a third machine, which works at the same time
    assert second.wait(timeout=240) == 0, (run_folder / "log").read_text()
    assert datasets(run_folder) == datasets(uninterrupted) != {}
    assert records(run_folder) == records(uninterrupted)
    assert files_by_key(run_folder, store) == files_by_key(uninterrupted)
    assert (
        run_command("verify", "--store", url)
        == f"{count_manifests(uninterrupted)} of {count_manifests(uninterrupted)} artifacts are intact\n"
    )
    assert run_command("gc", run[1], "--store", url, "--yes").startswith("nothing to delete")
