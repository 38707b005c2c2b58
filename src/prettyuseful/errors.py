"""All exceptions that prettyuseful raises. A message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class PrettyUsefulError(Exception):
    """Base class of all errors of prettyuseful."""


class UserError(PrettyUsefulError):
    """An error that the user can correct. The command line prints it on one line and exits with code 2."""


class StudyError(UserError):
    """The study file is invalid."""


class UnknownNameError(UserError):
    """An unknown name of a generator, task, recipe or the like."""


class DataError(UserError):
    """An image, folder or data set that cannot be used."""


class GateError(UserError):
    """An invalid condition of `audit --fail-if`, or one that cannot be evaluated."""


class StoreError(UserError):
    """The store cannot be used: it is not writable, full, or not a store."""


class StoreUnavailableError(StoreError):
    """The storage does not respond at the moment; a later attempt may succeed."""


class CorruptArtifactError(PrettyUsefulError):
    """A file in the store differs from its checksum in the manifest, or is missing."""


class StepFailedError(PrettyUsefulError):
    """A step failed. The cause is recorded, and steps that do not depend on it still run."""


class MemoryLimitError(StepFailedError):
    """A step does not fit into the memory of its device; the message says which setting fits.

    Other parts of the same artifact are not tried, because they would not fit either.
    """


class EveryRunFailedError(StepFailedError):
    """No classifier of a study could be trained and tested.

    Attributes:
        result: the incomplete `StudyResult` or `Audit`.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


@contextmanager
def prefix_location(location: str) -> Iterator[None]:
    """Put `location` in front of the message of a UserError that is raised inside the `with` block."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{location}: {error}") from None


_NEAR = 0.5  # ratio of `difflib.SequenceMatcher` from which a name is suggested


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the known name nearest to `name`, or an empty text if none is near."""
    # Names that have too few letters in common to be near are left out first: difflib takes ten times longer for them.
    letters, size = set(name), len(name)
    candidates = [
        other
        for other in known
        if 2 * min(size, len(other)) >= _NEAR * (size + len(other))
        and 2 * sum(map(other.count, letters)) >= _NEAR * (size + len(other))
    ]
    matches = difflib.get_close_matches(name, candidates, cutoff=_NEAR)
    # One replaced letter is likelier than the other changes for which difflib counts equally many common letters.
    matches.sort(key=lambda other: len(other) != size or sum(map(str.__ne__, other, name)) > 1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def one_line(text: str) -> str:
    """Return `text` on one line: line breaks, escape codes and other unprintable characters become single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def join_names(names: Sequence[str], limit: int = 5) -> str:
    """Return the first `limit` names and the number of the others: `a, b and 3 more`."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
