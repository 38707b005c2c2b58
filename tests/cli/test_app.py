"""What all commands share: wrong use, exit codes, one line of an error."""

from __future__ import annotations

from pathlib import Path

from tests.cli.commands import call


def test_wrong_use_is_told_with_the_usage(tmp_path: Path) -> None:
    for arguments in (("run",), ("runn",), ("run", "x.yaml", "--wrokers", "2"), ("demo", "--workers", "0")):
        found = call(*arguments, cwd=tmp_path)
        assert found.returncode == 2
        assert "Traceback" not in found.stderr
