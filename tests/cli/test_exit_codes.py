"""The table of exit codes."""

from __future__ import annotations

from prettyuseful.cli.exit_codes import EXIT_CODES, ExitCode


def test_exit_codes_have_a_code_and_a_meaning() -> None:
    assert [row.code for row in EXIT_CODES] == [0, 1, 2, 130]
    assert all(row.meaning for row in EXIT_CODES)
    assert int(ExitCode.USER_ERROR) == 2
