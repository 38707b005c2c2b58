"""The interface of workers, which run steps in processes on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from prettyuseful.engine.step import Step
from prettyuseful.errors import PrettyUsefulError


class LostWorkerError(PrettyUsefulError):
    """The worker of a step was killed, ran out of memory, hung, or its machine was lost. A retry may succeed."""


class Workers(Protocol):
    """Runs steps in parallel while it is open. If the block ends with an exception, running steps are stopped."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def width(self) -> int:
        """Number of one-thread steps that can run at the same time now."""

    @property
    def shares_memory(self) -> bool:
        """Whether all steps use the memory of one machine. A step on its last attempt then runs alone."""

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        """Whether the step can run now together with the running ones.

        Raises:
            UserError: the step can never run on these workers.
        """

    def submit(self, step: Step) -> Future[bool]:
        """Run the step. The result is True when its artifact is in the store, False if another process claims it.

        The future raises the exception of the step, or LostWorkerError.
        """

    def progress_events(self) -> Iterable[tuple[str, float]]:
        """Return the progress since the last call: pairs of step key and finished fraction (0-1)."""


def set_first_result(future: Future[bool], result: bool | Exception) -> None:
    """Set the result unless there is one: a worker may finish at the moment at which it is given up."""
    with suppress(InvalidStateError):
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
