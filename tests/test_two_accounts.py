"""Two user accounts run one study in one store of their group, in turns and at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.store.accounts import ALICE, BOB, GROUP, group_folder, needs_accounts
from tests.runs import count_manifests, files_by_key, records

pytestmark = [needs_accounts, pytest.mark.slow]

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()", "-v"]


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from group_folder()


def start_as(user: int, study: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a run of the study in the store `folder`/store with the umask 022 of most systems."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    home = folder / f"home-{user}"
    if not home.exists():
        home.mkdir(mode=0o700)
        os.chown(home, user, GROUP)
    # The capability only lets the account read the interpreter, which may be in a private folder of root.
    account = ["setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups"]
    account += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    shutil.copy(study, folder / "my.yaml")  # the command asks the system whether the account itself may read it
    places = ["--store", str(folder / "store"), "--out", str(home / "out")]
    return subprocess.Popen(
        [*account, *COMMAND, "run", str(folder / "my.yaml"), "--workers", "1", *places, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=0o022,
        env=os.environ | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_accounts_run_a_study_in_turns(finished: Path, folder: Path) -> None:
    first = start_as(ALICE, finished / "my.yaml", folder)
    while count_manifests(folder) < 10 and first.poll() is None:
        pass
    first.terminate()
    first.communicate()
    made = files_by_key(folder)
    assert 10 <= len(made) < count_manifests(finished)
    second = start_as(BOB, finished / "my.yaml", folder)
    log = second.communicate(timeout=240)[0]
    assert second.returncode == 0, log
    assert files_by_key(folder) == files_by_key(finished)
    third = start_as(ALICE, finished / "my.yaml", folder)
    log = third.communicate(timeout=240)[0]
    assert third.returncode == 0, log
    assert "are in the store" in log
    for user in (ALICE, BOB):
        assert records(folder / f"home-{user}") == records(finished)


def test_accounts_run_a_study_at_once(finished: Path, folder: Path) -> None:
    runs = [start_as(user, finished / "my.yaml", folder, "--steps-only") for user in (ALICE, BOB)]
    logs = [run.communicate(timeout=400)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], logs
    assert files_by_key(folder) == files_by_key(finished)
    owners = Counter(path.stat().st_uid for path in (folder / "store").glob("manifests/*/*.json"))
    assert set(owners) == {ALICE, BOB}, "both have worked"
    assert sum(owners.values()) == count_manifests(finished)
    assert list((folder / "store" / "tmp").iterdir()) == []
