"""Checks of a user-defined class against the interface that it must implement: what was checked and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prettyuseful.errors import PrettyUsefulError
from prettyuseful.redaction import redact_line

SingleCheck = tuple[str, Callable[[], None], bool]
"""What is checked, a function that raises an error if the check fails, and whether later checks depend on it."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check. `problem` is one line on what is wrong and how to correct it, or None."""

    what: str
    problem: str | None = None


@dataclass(frozen=True)
class InterfaceCheck:
    """The checks of one kind of user-defined class. `run` takes the class as `module:Class`."""

    name: str
    summary: str
    run: Callable[[str], list[CheckResult]]


class InterfaceError(PrettyUsefulError):
    """A class does not implement its interface."""


def run_checks(checks: Iterable[SingleCheck]) -> Iterator[CheckResult]:
    """Run checks in order. Stop after a failed check on which later checks depend."""
    for what, check, is_required in checks:
        try:
            check()
            yield CheckResult(what)
        except Exception as error:  # user-defined code may raise anything
            message = redact_line(str(error))
            if not isinstance(error, PrettyUsefulError):
                message = f"it failed with {type(error).__name__}: {message}"
            yield CheckResult(what, message)
            if is_required:
                return
