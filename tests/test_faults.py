"""Full and read-only disks and damaged files: the errors are clear, and no artifact is lost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.commands import call_here, one_error
from tests.runs import count_manifests, files_by_key, finish, records, start

from prettyuseful.engine.store.local import LocalStore

Mount = Callable[[str], bool]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A separate disk; `mount` changes its options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not mount(folder, "size=1M", "-t", "tmpfs", "tmpfs"):
        pytest.skip("disks cannot be mount here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(folder: Path, options: str, *more: str) -> bool:
    command = ["mount", "-o", options, *more, str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def last_line(run_folder: Path) -> str:
    return (run_folder / "log").read_text().splitlines()[-1]


@pytest.mark.integration
def test_full_disk_is_a_one_line_error_and_loses_nothing(finished: Path, disk: Path, tmp_path: Path) -> None:
    """The disk is full first in a worker process, and then, when it is larger, in the process of the run."""
    command, run_folder = ["run", str(finished / "my.yaml")], tmp_path / "folder_of_run"
    message = re.compile(r"error: .*no space left", re.IGNORECASE)
    assert mount(disk, "remount,size=128k")
    assert start(command, run_folder, 2, disk / "store").wait(timeout=240) == 2
    assert message.match(last_line(run_folder))
    assert "Traceback" not in (run_folder / "log").read_text()
    files_by_key(disk)
    count = count_manifests(disk)
    assert mount(disk, "remount,size=1500k")
    result = call_here(*command, "--store", disk / "store", "--out", run_folder / "out", "--workers", 1)
    assert message.match(one_error(result))
    files_by_key(disk)
    assert 0 < count < count_manifests(disk) < count_manifests(finished)
    assert mount(disk, "remount,size=500M")
    finish(command, run_folder, disk / "store")
    assert files_by_key(disk) == files_by_key(finished)
    assert records(run_folder) == records(finished)


@pytest.mark.slow
def test_full_temporary_disk_stops_no_run(
    finished: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unfinished artifacts are on the disk of the store."""
    assert mount(disk, "remount,size=16k")
    monkeypatch.setenv("TMPDIR", str(disk))
    finish(["run", str(finished / "my.yaml")], tmp_path / "folder_of_run")
    assert list(disk.iterdir()) == []


@pytest.mark.slow  # the full disk stops a run by the same code
def test_read_only_disk_is_a_one_line_error_and_loses_nothing(finished: Path, disk: Path, tmp_path: Path) -> None:
    command, run_folder = ["run", str(finished / "my.yaml")], tmp_path / "folder_of_run"
    assert mount(disk, "remount,size=500M")
    running = start(command, run_folder, 1, disk / "store")
    while count_manifests(disk) < 4:
        assert running.poll() is None, (run_folder / "log").read_text()
        time.sleep(0.01)
    while not mount(disk, "remount,ro"):  # fails while a file is open for writing
        assert running.poll() is None, (run_folder / "log").read_text()
    assert running.wait(timeout=120) == 2, (run_folder / "log").read_text()
    assert last_line(run_folder).startswith(f"error: cannot write to the store {disk / 'store'}: Read-only file system")
    count = count_manifests(disk)
    assert 4 <= count < count_manifests(finished)
    assert start(command, run_folder, 1, disk / "store").wait(timeout=120) == 2
    assert "Traceback" not in (run_folder / "log").read_text()
    assert mount(disk, "remount,rw")
    assert count_manifests(disk) == count
    finish(command, run_folder, disk / "store")
    assert files_by_key(disk) == files_by_key(finished)


@pytest.mark.parametrize("command", ["run", "generate", "export", "report"])
def test_full_or_read_only_disk_of_results_is_a_one_line_error_and_the_same_command_continues(
    finished: Path, disk: Path, tmp_path: Path, pipeline_folder: Path, shared_task: Path, command: str
) -> None:
    """Everything is in the store already, so that only results are written."""
    shutil.copytree(finished / "store", tmp_path / "store")
    store: list[object] = ["--store", tmp_path / "store", "--workers", 1]
    sampling = ["--sampling", "{steps: 2}", "--numerics", "{micro_batch: 4}"]
    options: dict[str, list[object]] = {
        "run": [finished / "my.yaml", *store],
        "generate": [pipeline_folder, "--images-per-class", 7, "--task", shared_task, *sampling, *store],
        "export": [finished / "out" / "datasets" / "tiny"],
        "report": [finished / "out"],
    }
    arguments = ["--quiet", command, *options[command], "--out", disk / "out"]
    for size, message in (("4k", "No space left on device"), ("12k", "No space left on device")):
        assert mount(disk, f"remount,size={size}")
        assert message in one_error(call_here(*arguments))
        assert not list(disk.rglob(".*"))
    assert mount(disk, "remount,size=500M,ro")
    assert "Read-only file system" in one_error(call_here(*arguments))
    assert mount(disk, "remount,size=500M,rw")
    assert call_here(*arguments).returncode == 0
    expected = {"run": finished / "out", "generate": finished / "out" / "datasets" / "tiny"}.get(command)
    if expected:
        shards = sorted(expected.rglob("*.parquet"))
        for shard in shards:
            assert (disk / "out" / shard.relative_to(expected)).read_bytes() == shard.read_bytes()
        assert len(list((disk / "out").rglob("*.parquet"))) == len(shards)


def test_damage_is_reported_and_repaired(finished: Path, tmp_path: Path) -> None:
    """A flipped byte, a truncated file and a missing file, in three kinds of artifacts."""
    shutil.copytree(finished / "store", tmp_path / "store")
    store = LocalStore(tmp_path / "store")
    damaged = {}
    for step, damage in (("generate", "flip"), ("train", "cut"), ("evaluate", "remove")):
        manifest = next(m for m in store.list() if m.step == step)
        entry = max(manifest.files, key=lambda entry: entry.size)
        damaged[manifest.key[:12]] = "is missing" if damage == "remove" else "differs from its manifest"
        path = store.root / "objects" / entry.sha256[:2] / entry.sha256
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        if damage != "remove":
            path.write_bytes(content if damage == "flip" else content[:-1])
    verified = call_here("verify", "--store", store.root, "--json")
    assert verified.returncode == 1
    problems = {check["key"][:12]: check["problem"] for check in json.loads(verified.stdout)["broken"]}
    assert all(expected in problems[key] for key, expected in damaged.items())
    command = ["run", str(finished / "my.yaml")]
    run_folder = tmp_path / "folder_of_run"
    for _ in range(2):  # damage in final results is found only when they are written
        result = call_here(*command, "--store", store.root, "--out", run_folder / "out", "--workers", 1)
        if result.returncode == 0:
            break
    finish(command, run_folder, store.root)
    assert files_by_key(tmp_path) == files_by_key(finished)
    assert records(run_folder) == records(finished)
