"""Checks of a user-defined class against the interface that it must implement: what was checked and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prettyuseful.errors import PrettyUsefulError
from prettyuseful.redaction.exceptions import describe_error, message_of

SingleCheck = tuple[str, Callable[[], None], bool]
"""What is checked, a function that raises an error if the check fails, and whether later checks depend on it."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    `problem`: one line on what is wrong and how to correct it, or None. `note`: what was found besides.
    """

    what: str
    problem: str | None = None
    note: str = ""


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
        problem = _problem_of(check)
        yield CheckResult(what, problem)
        if problem is not None and is_required:
            return


def _problem_of(check: Callable[[], None]) -> str | None:
    try:
        check()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # user-defined code may raise anything, also SystemExit
        is_ours = isinstance(error, PrettyUsefulError)
        return message_of(error) if is_ours else f"it failed with {describe_error(error)}"
    return None
