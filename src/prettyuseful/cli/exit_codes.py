"""The exit codes of the command line. The code, the help and the docs all use this table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code with its meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    COMPLETE = 0, "success"
    FAILED = 1, "steps failed, results missing, store damaged or --fail-if satisfied"
    USER_ERROR = 2, "an invalid option, study, data set, folder or class; nothing is lost"
    INTERRUPTED = 130, "interrupted (Ctrl-C or SIGTERM); run the same command to continue"

    @property
    def code(self) -> int:
        return int(self)


EXIT_CODES: tuple[ExitCode, ...] = tuple(ExitCode)
