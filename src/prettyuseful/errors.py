"""Every error that prettyuseful raises on purpose; a message says what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class PrettyUsefulError(Exception):
    """Base of all errors below."""


class UserError(PrettyUsefulError):
    """A mistake that the user can mend: shown as one line, exit code 2, never a traceback."""


class StudyError(UserError):
    """The study file is wrong."""


class UnknownNameError(UserError):
    """A name that no table knows: generator, task, recipe, ..."""


class DataError(UserError):
    """An image, folder or data set that cannot be used as it is."""


class GateError(UserError):
    """A condition of `audit --fail-if` that cannot be read or judged."""


class MemoryLimitError(UserError):
    """A step does not fit into the memory of its device; the message says what would."""


class StoreError(UserError):
    """The store cannot be used: not writable, full, or not a store."""


class StoreAwayError(StoreError):
    """The storage does not answer now; it may later."""


class CorruptArtifactError(PrettyUsefulError):
    """Bytes in the store differ from what their manifest promises."""


class StepFailedError(PrettyUsefulError):
    """A step could not produce its artifact; its cause is recorded and the rest of the study goes on."""


class EveryRunFailedError(StepFailedError):
    """No classifier of a study could be trained and tested.

    `result`: the `StudyResult` of what was left, or the `Audit`.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


@contextmanager
def located(place: str) -> Iterator[None]:
    """Within it, what is raised as a user's mistake says its place first."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{place}: {error}") from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_line(text: str) -> str:
    """`text` without line breaks, runs of blanks, and what cannot be printed or encoded (escapes, lone surrogates)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
