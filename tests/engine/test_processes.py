from __future__ import annotations

import subprocess
import sys
import time

import pytest

from prettyuseful.engine.processes import has_exited, process_identity

PRINT_IDENTITY = (
    "from prettyuseful.engine.processes import process_identity\n"
    "print(process_identity(), flush=True)\n"
    "import time\n"
    "time.sleep(60)"
)


def test_process_has_exited_after_its_end_only() -> None:
    with subprocess.Popen([sys.executable, "-c", PRINT_IDENTITY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        identity = process.stdout.readline().strip()
        assert not has_exited(identity)
        process.kill()
    deadline = time.monotonic() + 5
    while not has_exited(identity):
        assert time.monotonic() < deadline
    assert not has_exited(process_identity())


def test_later_process_with_the_same_id_is_another_one() -> None:
    *machine, pid, start = process_identity().split(" ")
    assert has_exited(" ".join((*machine, pid, str(int(start) - 1))))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_process_of_another_machine_boot_or_container_may_still_run(part: int) -> None:
    identity = process_identity().split(" ")
    identity[part] += "-other"
    identity[-1] = "1"
    assert not has_exited(" ".join(identity))


@pytest.mark.parametrize("identity", ["", "x", "a b c d e", "1 2", "\0", "host boot ns 12 0", "é " * 100])
def test_what_is_no_identity_has_not_exited(identity: str) -> None:
    assert not has_exited(identity)
