"""Contracts that classes of users keep or break: what was tried, and what was wrong, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prettyuseful.errors import PrettyUsefulError, one_line
from prettyuseful.redaction import redacted

Attempt = tuple[str, Callable[[], None], bool]
"""What is tried, the try itself, and whether all that follows needs it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. `problem` says in one line what is wrong and what to do, or is None."""

    what: str
    problem: str | None = None


@dataclass(frozen=True)
class Check:
    """A kind of class that users write and `prettyuseful check` tries. `find`: called with `module:Class`."""

    name: str
    summary: str
    find: Callable[[str], list[Finding]]


class BrokenContractError(PrettyUsefulError):
    """What a try found."""


def findings(attempts: Iterable[Attempt]) -> Iterator[Finding]:
    """Tries one after another, up to the first that fails and is needed."""
    for what, attempt, needed in attempts:
        try:
            attempt()
            yield Finding(what)
        except Exception as error:  # the class is the user's and may do anything
            said = redacted(one_line(str(error)))
            known = isinstance(error, PrettyUsefulError)
            yield Finding(what, said if known else f"it failed with {type(error).__name__}: {said}")
            if needed:
                return
