"""Helpers that run studies in subprocesses, kill them, and compare their results without timings."""

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

from tests.cli.commands import call_here

from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.local import LocalStore

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]
TIMES = ("created", "seconds", "environment")


def start(
    command: list[str],
    folder: Path,
    workers: int | None = 2,
    store: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command that writes its log, results and store (unless `store` is given) to `folder`."""
    folder.mkdir(exist_ok=True)
    options = ["--store", str(store or folder / "store"), "--out", str(folder / "out")]
    options += ["--workers", str(workers)] if workers else []
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *command, *options], stdout=log, stderr=log, start_new_session=True, env=environment
        )


def finish(command: list[str], folder: Path, store: Path | str | None = None) -> None:
    """Run a command like `start`, but in this process, which has imported everything already. It must succeed."""
    run_command(*command, "--store", str(store or folder / "store"), "--out", str(folder / "out"), "--workers", "1")


def run_command(*command: str) -> str:
    """Run a command in this process. It must succeed; return its output."""
    result = call_here(*command)
    assert result.returncode == 0, result.stderr
    return result.stdout


def count_manifests(folder: Path) -> int:
    return sum(1 for _ in (folder / "store" / "manifests").glob("*/*.json"))


def session_processes(session: int) -> list[int]:
    """Return the running processes of a session; its id is that of the process that started it."""
    processes = []
    for path in Path("/proc").iterdir():
        try:
            state, _, _, owner = (path / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if owner == str(session) and state != "Z":
            processes.append(int(path.name))
    return processes


def kill(leader: subprocess.Popen[bytes]) -> None:
    """Kill only the leader, as the system would; its workers must stop by themselves."""
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    deadline = time.monotonic() + 3
    while session_processes(leader.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert session_processes(leader.pid) == [], "workers are still running after the run was killed"


def kill_after(count: int, command: list[str], folder: Path) -> None:
    """Start a run and kill it as soon as it has made `count` artifacts."""
    run = start(command, folder)
    deadline = time.monotonic() + 240
    while count_manifests(folder) < count and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run.poll() is None, f"ended before {count} steps were done:\n{(folder / 'log').read_text()}"
    kill(run)


def datasets(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_sha256(path) for path in (folder / "out").rglob("*.parquet")}


def records(folder: Path, out: str = "out") -> dict[str, Any]:
    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES and not k.endswith("_seconds")}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    files = (folder / out / "records").glob("*.json")
    return {path.name: timeless(json.loads(path.read_text("utf-8"))) for path in files}


def files_by_key(folder: Path, store: Store | None = None) -> dict[str, list[tuple[str, str]]]:
    """Return the files of every manifest, after checking their digests."""
    store, files = store or LocalStore(folder / "store"), {}
    for manifest in store.list():
        artifact = store.read(manifest.key)
        assert artifact is not None
        for entry in manifest.files:
            assert file_sha256(artifact.path(entry.name)) == entry.sha256
        files[manifest.key] = [(entry.name, entry.sha256) for entry in manifest.files]
    return files
