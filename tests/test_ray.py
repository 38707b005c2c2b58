"""A study on a Ray cluster of two nodes gives the same results as on one machine, even if processes are killed.

The same study without a kill is run by `tests/engine/workers/test_ray.py`, whose cluster is running already.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from tests import runs
from tests.runs import count_manifests, datasets, files_by_key, records

from prettyuseful.engine.store.local import LocalStore

slow = pytest.mark.slow  # they need an idle machine
of_pipeline = pytest.mark.parametrize("run", ["a pipeline"], indirect=True)


def start(command: list[str], run_folder: Path, on: str = "ray") -> subprocess.Popen[bytes]:
    # The number of threads must come from the numerics.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return runs.start([*command, "--on", on], run_folder, workers=None, environment=environment)


def end(started: subprocess.Popen[bytes], run_folder: Path) -> None:
    assert started.wait(timeout=300) == 0, (run_folder / "log").read_text()


def wait_until(condition: Callable[[Counter[str]], bool], started: subprocess.Popen[bytes], run_folder: Path) -> None:
    """Wait until the counts of finished steps by kind satisfy a condition."""
    deadline = time.monotonic() + 240
    while not (
        (run_folder / "store").exists() and condition(Counter(m.step for m in LocalStore(run_folder / "store").list()))
    ):
        assert started.poll() is None, (run_folder / "log").read_text()
        assert time.monotonic() < deadline, (run_folder / "log").read_text()
        time.sleep(0.02)


def _has_finished(kind: str, count: int, finished: Counter[str]) -> bool:
    return finished[kind] >= count


def _has_finished_in_total(count: int, finished: Counter[str]) -> bool:
    return finished.total() >= count


def workers() -> list[int]:
    """Return the process ids of actors that are running a step."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::_StepRunner.work"):
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids


def assert_equal(run_folder: Path, uninterrupted: Path) -> None:
    assert datasets(run_folder) == datasets(uninterrupted) != {}
    assert records(run_folder) == records(uninterrupted)
    assert files_by_key(run_folder) == files_by_key(uninterrupted)


@slow
@of_pipeline
def test_killed_workers_and_nodes_do_not_change_the_results(
    run: list[str], uninterrupted: Path, tmp_path: Path, ray_cluster: Any
) -> None:
    run_folder = tmp_path / "ray"
    started = start(run, run_folder)
    for kind in ("encode", "collect"):  # later it generates, and then trains on the generated images
        wait_until(partial(_has_finished, kind, 1), started, run_folder)
        while not (busy := workers()):
            assert started.poll() is None, (run_folder / "log").read_text()
        os.kill(busy[0], signal.SIGKILL)
    wait_until(partial(_has_finished, "train", 2), started, run_folder)
    ray_cluster.remove_node(ray_cluster.worker_nodes.copy().pop(), allow_graceful=False)
    end(started, run_folder)
    assert "retry: " in (run_folder / "log").read_text()
    assert_equal(run_folder, uninterrupted)


@slow
@of_pipeline
@pytest.mark.usefixtures("ray_cluster")
def test_killed_driver_can_be_restarted(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "ray"
    for count in (3, 10):
        started = start(run, run_folder)
        wait_until(partial(_has_finished_in_total, count), started, run_folder)
        started.kill()
        started.wait()
    assert count_manifests(run_folder) < count_manifests(uninterrupted)
    end(start(run, run_folder), run_folder)
    assert_equal(run_folder, uninterrupted)


TOKEN = "a" * 40


@pytest.fixture(params=["", TOKEN], ids=["open", "token"])
def client_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster that accepts remote drivers, with and without a token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token" if request.param else "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", request.param)
    with cluster() as (_, client_address):
        yield client_address


@contextmanager
def cluster() -> Iterator[tuple[str, str]]:
    """The addresses of a cluster for drivers on this machine and for remote ones."""
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
    try:
        yield f"127.0.0.1:{port}", f"ray://127.0.0.1:{client_port}"
    finally:
        head.terminate()
        head.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@slow
@of_pipeline
def test_remote_driver(run: list[str], uninterrupted: Path, tmp_path: Path, client_address: str) -> None:
    run_folder = tmp_path / "ray"
    end(start(run, run_folder, client_address), run_folder)
    assert_equal(run_folder, uninterrupted)


@pytest.fixture
def small_run(shared_task: Path, tmp_path: Path) -> list[str]:
    """The command of a study that never gets a worker."""
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\n"
        f"datasets: {{copy: {{generator: {shared_task}/train, images_per_class: 2}}}}\n"
    )
    return ["run", str(tmp_path / "study.yaml")]


@slow
def test_wrong_token_is_one_line(small_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    with cluster() as (address, client_address):
        for token in ("", "b" * 40):
            monkeypatch.setenv("RAY_AUTH_MODE", "token" if token else "disabled")
            monkeypatch.setenv("RAY_AUTH_TOKEN", token)
            for place, on in ((address, "ray"), ("", client_address)):
                monkeypatch.setenv("RAY_ADDRESS", place)
                run_folder = tmp_path / f"{on[:4]}{bool(token)}"
                assert start(small_run, run_folder, on).wait(timeout=120) == 2
                (line,) = (run_folder / "log").read_text().splitlines()
                assert line.startswith(f"error: --on {on}: ")
                assert "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with its token" in line


OPEN = """
import sys
from pathlib import Path
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.open import open_workers
from prettyuseful.numerics import Numerics
with open_workers("ray", LocalStore(Path(sys.argv[1])), Numerics()) as workers:
    print(workers.width, flush=True)
    sys.stdin.read()
"""


@slow
@pytest.mark.parametrize("killed", [True, False])
def test_own_cluster_is_private_and_ends_with_its_run(
    small_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.delenv("TMPDIR", raising=False)
    folders = set(Path("/tmp").glob("prettyuseful-ray-*"))
    command, pipe = [sys.executable, "-c", OPEN, str(tmp_path / "store")], subprocess.PIPE
    owner = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)
    assert owner.stdout is not None
    assert int(owner.stdout.readline()) >= 1
    (folder,) = set(Path("/tmp").glob("prettyuseful-ray-*")) - folders
    assert folder.stat().st_mode & 0o077 == 0
    listening = {pid: listening_addresses(pid) for pid in runs.session_processes(owner.pid)}
    (port,) = (port for pid, addresses in listening.items() if name(pid) == "gcs_server" for _, port in addresses)
    assert len(listening) > 5
    assert all(host.is_loopback for addresses in listening.values() for host, _ in addresses), listening
    assert killed or "asks for another token" in run_without_token(
        f"127.0.0.1:{port}", small_run, tmp_path / "stranger"
    )
    if killed:
        owner.kill()
    owner.communicate()
    assert killed or owner.returncode == 0, "Ray keeps log files open in the process that goes on"
    deadline = time.monotonic() + 10  # Ray's agents alone would wait for a minute
    while left := runs.session_processes(owner.pid):
        assert time.monotonic() < deadline, [name(pid) for pid in left]
        time.sleep(0.1)
    assert not folder.exists()


def name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def run_without_token(address: str, run: list[str], run_folder: Path) -> str:
    """Return the messages of a run that tries to use the cluster."""
    # Otherwise Ray replaces the address of the loopback interface by that of the machine.
    environment = {**os.environ, "RAY_ADDRESS": address, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    assert runs.start([*run, "--on", "ray"], run_folder, workers=None, environment=environment).wait(timeout=120) == 2
    return (run_folder / "log").read_text()


def listening_addresses(pid: int) -> set[tuple[IPv4Address | IPv6Address, int]]:
    """Return the addresses of the TCP sockets of a process that listen."""
    inodes = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                inodes.add(descriptor.readlink().name.removeprefix("socket:[").removesuffix("]"))
    found: set[tuple[IPv4Address | IPv6Address, int]] = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            host, _, port = fields[1].partition(":")
            if fields[3] == "0A" and fields[9] in inodes:
                words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]
                address = ip_address(b"".join(words))
                found.add((getattr(address, "ipv4_mapped", None) or address, int(port, 16)))
    return found
