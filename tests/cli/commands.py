"""Helpers that call the command line, in a new process or in this one, and read its error message."""

from __future__ import annotations

import subprocess
import sys
from contextlib import chdir
from pathlib import Path

from typer.testing import CliRunner

from prettyuseful.cli import app

PROGRAM = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]


def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=240)


def call_here(
    *arguments: object, typed: str | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Call a command in this process, which has imported everything already: a new one needs seconds for that.

    `typed` is the input of the user.
    """
    with chdir(cwd or Path.cwd()):
        result = CliRunner().invoke(app, [*map(str, arguments)], input=typed, catch_exceptions=False)
    return subprocess.CompletedProcess([*map(str, arguments)], result.exit_code, result.stdout, result.stderr)


def one_error(result: subprocess.CompletedProcess[str]) -> str:
    """Return the error line of a call that failed because of a user error. It is the last line on stderr."""
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert result.stderr.splitlines()[-1] == errors[0]
    return errors[0]
