"""Studies in processes of their own, which may be killed, and what they leave, without its times."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.local import LocalStore

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]
TIMES = ("created", "seconds", "environment")


def start(
    command: list[str],
    place: Path,
    workers: int | None = 2,
    store: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """With the folder `place` for its log, its results and, unless another one is named, its store."""
    place.mkdir(exist_ok=True)
    options = ["--store", str(store or place / "store"), "--out", str(place / "out")]
    options += ["--workers", str(workers)] if workers else []
    with (place / "log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *command, *options], stdout=log, stderr=log, start_new_session=True, env=environment
        )


def finish(command: list[str], place: Path, workers: int = 1, store: Path | str | None = None) -> None:
    assert start(command, place, workers, store).wait(timeout=240) == 0, (place / "log").read_text()


def tell(*command: str) -> str:
    """What a command that succeeds prints."""
    return subprocess.run([*COMMAND, *command], capture_output=True, text=True, check=True).stdout


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


def kill(leader: subprocess.Popen[bytes]) -> None:
    """Kills the leader alone, as the system would: its workers must notice by themselves."""
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    deadline = time.monotonic() + 3
    while members(leader.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(leader.pid) == [], "workers outlive the run that started them"


def kill_after(count: int, command: list[str], place: Path) -> None:
    """Kills a run as soon as it has made so many artifacts."""
    run = start(command, place)
    deadline = time.monotonic() + 240
    while manifests(place) < count and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run.poll() is None, f"ended before {count} steps were done:\n{(place / 'log').read_text()}"
    kill(run)


def datasets(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): file_sha256(path) for path in (place / "out").rglob("*.parquet")}


def records(place: Path) -> dict[str, Any]:
    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES and not k.endswith("_seconds")}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    files = (place / "out" / "records").glob("*.json")
    return {path.name: timeless(json.loads(path.read_text("utf-8"))) for path in files}


def files_by_key(place: Path, store: Store | None = None) -> dict[str, list[tuple[str, str]]]:
    """What every manifest promises; every promise is checked against the bytes."""
    store, found = store or LocalStore(place / "store"), {}
    for manifest in store.list():
        artifact = store.read(manifest.key)
        assert artifact is not None
        for entry in manifest.files:
            assert file_sha256(artifact.path(entry.name)) == entry.sha256
        found[manifest.key] = [(entry.name, entry.sha256) for entry in manifest.files]
    return found
