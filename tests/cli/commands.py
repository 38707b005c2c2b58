"""The command line as its users meet it: exit codes, one clear line, and JSON that is JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from prettyuseful.cli import app

PROGRAM = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]


def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=240)


def call_here(*arguments: object, answer: str | None = None) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported everything already: for commands that neither run nor change it.

    `answer` is what its user types.
    """
    found = CliRunner().invoke(app, [*map(str, arguments)], input=answer, catch_exceptions=False)
    return subprocess.CompletedProcess([*map(str, arguments)], found.exit_code, found.stdout, found.stderr)


def one_error(found: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr that is no progress, of a call that failed as a user's mistake does."""
    assert found.returncode == 2
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    errors = [line for line in found.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert found.stderr.splitlines()[-1] == errors[0]
    return errors[0]
