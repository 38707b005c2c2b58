"""The interface of workers, which run steps in processes on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from prettyuseful.engine.step import Step
from prettyuseful.errors import PrettyUsefulError


class LostWorkerError(PrettyUsefulError):
    """The worker of a step was killed, ran out of memory, or its machine was lost. The step may succeed on a retry."""


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
    def crash_kills_siblings(self) -> bool:
        """Whether the crash of one worker also stops the steps of other workers."""

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
