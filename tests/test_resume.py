"""kill -9 at any moment, run again: it goes on, and what it leaves is what an uninterrupted run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.keys import file_sha256
from prettyuseful.run import dataset_study, make_dataset
from prettyuseful.store.local import LocalStore
from prettyuseful.study.plan import make_plan
from prettyuseful.study.workers.local import LocalWorkers

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]
TIMES = ("created", "seconds", "environment")


@pytest.fixture
def run(tmp_path: Path, study_text: Callable[..., str]) -> list[str]:
    path = tmp_path / "study.yaml"
    path.write_text(study_text(seeds="[0, 1]"))
    return ["run", str(path)]


def start(command: list[str], place: Path, workers: int = 2) -> subprocess.Popen[bytes]:
    place.mkdir(exist_ok=True)
    options = ["--store", str(place / "store"), "--out", str(place / "out"), "--workers", str(workers)]
    with (place / "log").open("ab") as log:
        return subprocess.Popen([*COMMAND, *command, *options], stdout=log, stderr=log, start_new_session=True)


def finish(command: list[str], place: Path, workers: int = 2) -> None:
    assert start(command, place, workers).wait(timeout=240) == 0, (place / "log").read_text()


def manifests(place: Path) -> int:
    return sum(1 for _ in (place / "store" / "manifests").glob("*/*.json"))


def members(session: int) -> list[int]:
    """Living processes of a session; it has the id of the process that was started in it."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            state, _, _, owner = (path / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if owner == str(session) and state != "Z":
            found.append(int(path.name))
    return found


def kill_after(count: int, command: list[str], place: Path) -> None:
    """Kills the leader alone, as the system would: its workers must notice by themselves."""
    run = start(command, place)
    deadline = time.monotonic() + 240
    while manifests(place) < count and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run.poll() is None, f"ended before {count} steps were done:\n{(place / 'log').read_text()}"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 3
    while members(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(run.pid) == [], "workers outlive the run that started them"


def datasets(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): file_sha256(path) for path in (place / "out").rglob("*.parquet")}


def records(place: Path) -> dict[str, Any]:
    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES and not k.endswith("_seconds")}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    files = (place / "out" / "records").glob("*.json")
    return {path.name: timeless(json.loads(path.read_text("utf-8"))) for path in files}


def files_by_key(place: Path) -> dict[str, list[tuple[str, str]]]:
    """What every manifest promises; every promise is checked against the bytes."""
    store, found = LocalStore(place / "store"), {}
    for manifest in store.list():
        artifact = store.read(manifest.key)
        assert artifact is not None
        for entry in manifest.files:
            assert file_sha256(artifact.path(entry.name)) == entry.sha256
        found[manifest.key] = [(entry.name, entry.sha256) for entry in manifest.files]
    return found


def test_a_run_killed_again_and_again_ends_as_if_nothing_had_been(run: list[str], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(run, whole, workers=1)
    total = manifests(whole)
    for count in (1, 3, 6, 10):
        kill_after(count, run, killed)
        assert manifests(killed) < total
        files_by_key(killed)
    finish(run, killed)
    assert datasets(killed) == datasets(whole) != {}
    assert records(killed) == records(whole)
    assert files_by_key(killed) == files_by_key(whole)


def test_a_killed_generation_ends_as_if_nothing_had_been(
    pipeline_folder: Path, shared_task: Path, tmp_path: Path
) -> None:
    """Several prompts per class, several shards per class; killed while some of them are made."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    prompts, sampling = {"strategy": "template", "templates": ["{}", "a {}", "the {}"]}, {"steps": 2}
    fields = {"images_per_class": 105, "prompts": prompts, "sampling": sampling}
    plan = make_plan(dataset_study(str(pipeline_folder), fields, {"folder": str(shared_task)}, {"micro_batch": 10}))
    make_dataset(plan, store := LocalStore(whole / "store"), whole / "out", LocalWorkers(store, 1))
    generate = ["generate", str(pipeline_folder), "--task", str(shared_task), "--images-per-class", "105"]
    generate += ["--prompts", json.dumps(prompts), "--sampling", json.dumps(sampling), "--numerics", "micro_batch: 10"]
    kill_after(4, generate, killed)
    assert datasets(killed) == {}
    files_by_key(killed)
    finish(generate, killed)
    assert datasets(killed) == datasets(whole)
    assert len(datasets(whole)) == 4
    assert files_by_key(killed) == files_by_key(whole)


def test_workers_share_a_store_and_the_report_comes_after(run: list[str], tmp_path: Path) -> None:
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    finish(run, whole, workers=1)
    together = [start([*run, "--worker"], shared, workers=1) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in together] == [0, 0], (shared / "log").read_text()
    assert not (shared / "out").exists()
    store = ["--store", str(shared / "store")]
    status = subprocess.run([*COMMAND, "status", run[1], *store, "--json"], capture_output=True, text=True, check=True)
    kinds = json.loads(status.stdout)["kinds"]
    assert all(kind["done"] == kind["steps"] for kind in kinds)
    assert sum(kind["steps"] for kind in kinds) == manifests(shared)
    verified = subprocess.run([*COMMAND, "verify", *store], capture_output=True, text=True, check=True)
    assert verified.stdout == f"{manifests(shared)} of {manifests(shared)} artifacts are whole\n"
    swept = subprocess.run([*COMMAND, "gc", run[1], *store, "--yes"], capture_output=True, text=True, check=True)
    assert swept.stdout.startswith("nothing to remove")
    finish(run, shared)
    assert records(shared) == records(whole)
    assert files_by_key(shared) == files_by_key(whole)
