"""Where steps run: what the executor asks of processes on this machine and of a cluster alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from prettyuseful.engine.step import Step
from prettyuseful.errors import PrettyUsefulError


class LostWorkerError(PrettyUsefulError):
    """The worker of a step is gone: killed, out of memory, or its machine is. The step itself may be all right."""


class Workers(Protocol):
    """Runs steps side by side while it is open. Left by an exception, it stops what still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def width(self) -> int:
        """Steps of one thread that fit side by side, now."""

    @property
    def crash_kills_siblings(self) -> bool:
        """Whether a worker that dies takes the steps of others with it."""

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        """Whether the step fits beside those that run.

        Raises:
            UserError: it never will.
        """

    def submit(self, step: Step) -> Future[bool]:
        """True once its artifact is in the store, False if another process is at it.

        The future raises what the step raised, or LostWorkerError.
        """

    def progress_events(self) -> Iterable[tuple[str, float]]:
        """What running steps have said since the last call: their keys, and the fraction of them that is done (0-1)."""
