"""A study on a Ray cluster of two nodes comes out as on a laptop, whatever is killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import runs
from tests.runs import datasets, files_by_key, manifests, records

from prettyuseful.engine.store.local import LocalStore

slow = pytest.mark.slow  # they need a machine that does nothing else


def start(command: list[str], place: Path, on: str = "ray") -> subprocess.Popen[bytes]:
    # Threads are the key's, whatever the surroundings say.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return runs.start([*command, "--on", on], place, workers=None, environment=environment)


def end(started: subprocess.Popen[bytes], place: Path) -> None:
    assert started.wait(timeout=300) == 0, (place / "log").read_text()


def wait_until(reached: Callable[[Counter[str]], bool], started: subprocess.Popen[bytes], place: Path) -> None:
    """Until so many steps of these kinds are made."""
    deadline = time.monotonic() + 240
    while not ((place / "store").exists() and reached(Counter(m.step for m in LocalStore(place / "store").list()))):
        assert started.poll() is None, (place / "log").read_text()
        assert time.monotonic() < deadline, (place / "log").read_text()
        time.sleep(0.02)


def _holds(kind: str, count: int, made: Counter[str]) -> bool:
    return made[kind] >= count


def _holds_in_all(count: int, made: Counter[str]) -> bool:
    return made.total() >= count


def workers() -> list[int]:
    """Processes of our actors that are at a step now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::_Worker.work"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def assert_equal(place: Path, whole: Path) -> None:
    assert datasets(place) == datasets(whole) != {}
    assert records(place) == records(whole)
    assert files_by_key(place) == files_by_key(whole)


@pytest.mark.usefixtures("ray_cluster")
def test_a_study_on_two_nodes_is_the_same(run: list[str], whole: Path, tmp_path: Path) -> None:
    place = tmp_path / "ray"
    end(start(run, place), place)
    assert_equal(place, whole)


@slow
def test_killed_workers_and_nodes_change_nothing(run: list[str], whole: Path, tmp_path: Path, ray_cluster: Any) -> None:
    place = tmp_path / "ray"
    started = start(run, place)
    for kind in ("encode", "collect"):  # then it generates, then it trains on what was generated
        wait_until(partial(_holds, kind, 1), started, place)
        while not (busy := workers()):
            assert started.poll() is None, (place / "log").read_text()
        os.kill(busy[0], signal.SIGKILL)
    wait_until(partial(_holds, "train", 2), started, place)
    ray_cluster.remove_node(ray_cluster.worker_nodes.copy().pop(), allow_graceful=False)
    end(started, place)
    assert "again" in (place / "log").read_text()
    assert_equal(place, whole)


@slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_killed_driver_goes_on(run: list[str], whole: Path, tmp_path: Path) -> None:
    place = tmp_path / "ray"
    for count in (3, 10):
        started = start(run, place)
        wait_until(partial(_holds_in_all, count), started, place)
        started.kill()
        started.wait()
    assert manifests(place) < manifests(whole)
    end(start(run, place), place)
    assert_equal(place, whole)


@pytest.fixture
def client_address() -> Iterator[str]:
    """Of a cluster that takes drivers from outside."""
    pytest.importorskip("ray")
    port, client_port = free_port(), free_port()
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
    command += [f"--port={port}", f"--ray-client-server-port={client_port}", "--include-dashboard=false"]
    command += ["--object-store-memory=80000000", "--disable-usage-stats"]
    environment = {**os.environ, "RAY_ADDRESS": ""}
    head = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and head.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", client_port), timeout=1):
            break
        time.sleep(0.2)
    yield f"ray://127.0.0.1:{client_port}"
    head.terminate()
    head.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@slow
def test_a_driver_from_outside_is_served(run: list[str], whole: Path, tmp_path: Path, client_address: str) -> None:
    place = tmp_path / "ray"
    end(start(run, place, client_address), place)
    assert_equal(place, whole)
