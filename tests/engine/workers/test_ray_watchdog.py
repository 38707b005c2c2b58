"""The watchdog kills what has files open in its folder, when the process that has started it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prettyuseful.engine.workers import ray_watchdog

HOLD = "import sys, time; file = open(sys.argv[1], 'w'); print(flush=True); time.sleep(60)"


def hold(path: Path) -> subprocess.Popen[bytes]:
    """Start a process that has the file open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
@pytest.mark.parametrize("killed", [False, True])
def test_processes_with_files_in_the_folder_end_with_the_run(tmp_path: Path, killed: bool) -> None:
    folder = tmp_path / "ray"
    agent, other = hold(folder / "logs" / "agent.log"), hold(tmp_path / "raymond" / "file")
    viewer = subprocess.Popen(["tail", "-f", str(folder / "logs" / "agent.log")])
    watch = f"import subprocess; subprocess.Popen([{sys.executable!r}, {ray_watchdog.__file__!r}, {str(folder)!r}]"
    run = subprocess.Popen(
        [sys.executable, "-c", f"{watch}, stdin=subprocess.PIPE, start_new_session=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            agent.wait(0.5)
        if killed:
            run.kill()
        run.communicate(b"end\n")  # returns when the watchdog, which has the same stdout, has ended
        assert agent.wait(5) != 0
        assert not folder.exists()
        assert (other.poll(), viewer.poll()) == (None, None)
    finally:
        for process in (agent, other, viewer):
            process.kill()
            process.communicate()


RUN = """
import subprocess, sys
file = open(sys.argv[3] + "/driver.log", "w")
with subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True):
    pass
print("goes on")
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
def test_the_process_of_the_run_goes_on_although_ray_keeps_its_log_open(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    run = [sys.executable, "-c", RUN, sys.executable, ray_watchdog.__file__, str(folder)]
    assert subprocess.run(run, capture_output=True, check=True, text=True).stdout == "goes on\n"
    assert not folder.exists()
