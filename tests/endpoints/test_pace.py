from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from prettyuseful.endpoints.pace import Pace


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def take(pace: Pace, turns: int) -> list[float]:
    async def run() -> list[float]:
        times = []
        for _ in range(turns):
            await pace.turn()
            times.append(time.monotonic())
        return times

    return asyncio.run(run())


def test_turns_are_apart() -> None:
    times = take(Pace(600, "a"), 3)
    assert all(later - earlier > 0.09 for earlier, later in pairwise(times))


def test_other_processes_and_objects_share_the_turns_of_a_name() -> None:
    code = "import asyncio; from prettyuseful.endpoints.pace import Pace; asyncio.run(Pace(60, 'a').turn())"
    subprocess.run([sys.executable, "-c", code], check=True)
    started = time.monotonic()
    first, second = Pace(60, "a"), Pace(60, "b")
    assert first._take() - started > 0.2
    assert second._take() - started < 0.2


def test_a_file_of_another_start_or_account_is_no_reason_to_wait(tmp_path: Path) -> None:
    pace = Pace(60, "a")
    pace._file.write_text(f"{time.monotonic() + 1e6}\n")
    assert pace._take() - time.monotonic() < 1
    pace._file.write_text("nonsense")
    assert pace._take() - time.monotonic() < 1
    folder = pace._file.parent
    pace._file.unlink()
    target = tmp_path / "target"
    target.write_text("kept")
    pace._file.symlink_to(target)
    first, second = pace._take(), pace._take()
    assert second - first == pytest.approx(1, abs=0.1)
    assert target.read_text() == "kept"
    folder.chmod(0o777)
    assert Pace(60, "a")._file.parent != folder
