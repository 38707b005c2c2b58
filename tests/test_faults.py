"""Full disks, disks that become read-only, and damage in the store: named, nothing wrong read, nothing lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.runs import COMMAND, files_by_key, finish, manifests, records, start

from prettyuseful.engine.store.local import LocalStore

Mount = Callable[[str], bool]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, whose options `mounted` changes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not mounted(folder, "size=1M", "-t", "tmpfs", "tmpfs"):
        pytest.skip("disks cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mounted(folder: Path, options: str, *more: str) -> bool:
    command = ["mount", "-o", options, *more, str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def last_line(place: Path) -> str:
    return (place / "log").read_text().splitlines()[-1]


def test_a_full_disk_is_one_line_and_loses_nothing(finished: Path, disk: Path, tmp_path: Path) -> None:
    command, place = ["run", str(finished / "my.yaml")], tmp_path / "place"
    made = 0
    for size, workers in (("300k", 2), ("1500k", 1)):
        assert mounted(disk, f"remount,size={size}")
        assert start(command, place, workers, disk / "store").wait(timeout=240) == 2
        assert last_line(place).startswith(
            f"error: cannot write to the store {disk / 'store'}: No space left on device"
        )
        assert "Traceback" not in (place / "log").read_text()
        files_by_key(disk)
        assert manifests(disk) >= made
        made = manifests(disk)
    assert 0 < made < manifests(finished)
    assert mounted(disk, "remount,size=500M")
    finish(command, place, 1, disk / "store")
    assert files_by_key(disk) == files_by_key(finished)
    assert records(place) == records(finished)


def test_a_full_disk_of_temporary_files_is_one_line(
    finished: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mounted(disk, "remount,size=16k")
    monkeypatch.setenv("TMPDIR", str(disk))
    place = tmp_path / "place"
    assert start(["run", str(finished / "my.yaml")], place, 1).wait(timeout=240) == 2
    assert "no space left for" in last_line(place)
    assert last_line(place).endswith("name another folder for temporary files with TMPDIR")


def test_a_disk_that_becomes_read_only_is_one_line_and_loses_nothing(
    finished: Path, disk: Path, tmp_path: Path
) -> None:
    command, place = ["run", str(finished / "my.yaml")], tmp_path / "place"
    assert mounted(disk, "remount,size=500M")
    running = start(command, place, 1, disk / "store")
    while manifests(disk) < 4:
        assert running.poll() is None, (place / "log").read_text()
        time.sleep(0.01)
    while not mounted(disk, "remount,ro"):  # refused while a file is open for writing
        assert running.poll() is None, (place / "log").read_text()
    assert running.wait(timeout=120) == 2, (place / "log").read_text()
    assert last_line(place).startswith(f"error: cannot write to the store {disk / 'store'}: Read-only file system")
    made = manifests(disk)
    assert 4 <= made < manifests(finished)
    assert start(command, place, 1, disk / "store").wait(timeout=120) == 2
    assert "Traceback" not in (place / "log").read_text()
    assert mounted(disk, "remount,rw")
    assert manifests(disk) == made
    finish(command, place, 1, disk / "store")
    assert files_by_key(disk) == files_by_key(finished)


def test_damage_is_named_and_made_good(finished: Path, tmp_path: Path) -> None:
    """A flipped byte, a cut-off file and one that is gone, in three kinds of artifacts."""
    shutil.copytree(finished / "store", tmp_path / "store")
    store = LocalStore(tmp_path / "store")
    victims = {}
    for step, damage in (("generate", "flip"), ("train", "cut"), ("evaluate", "remove")):
        manifest = next(m for m in store.list() if m.step == step)
        entry = max(manifest.files, key=lambda entry: entry.size)
        victims[manifest.key[:12]] = "is missing" if damage == "remove" else "differs from its manifest"
        path = store.root / "objects" / entry.sha256[:2] / entry.sha256
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        if damage != "remove":
            path.write_bytes(content if damage == "flip" else content[:-1])
    verified = subprocess.run(
        [*COMMAND, "verify", "--store", str(store.root), "--json"], capture_output=True, text=True
    )
    assert verified.returncode == 1
    told = {found["key"][:12]: found["problem"] for found in json.loads(verified.stdout)["broken"]}
    assert all(words in told[key] for key, words in victims.items())
    command = ["run", str(finished / "my.yaml")]
    place = tmp_path / "place"
    for _ in range(2):  # what nobody reads but the results is found when they are placed
        if start(command, place, 1, store.root).wait(timeout=240) == 0:
            break
    finish(command, place, 1, store.root)
    assert files_by_key(tmp_path) == files_by_key(finished)
    assert records(place) == records(finished)
