"""A store and workers, opened together: the one way in which steps are run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.execute import Outcome, execute
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import Workers
from prettyuseful.engine.workers.guard import leave_if_worker
from prettyuseful.engine.workers.open import open_workers
from prettyuseful.numerics import Numerics


@dataclass(frozen=True)
class Session:
    """An open store, workers that are open on it, and who is told what happens."""

    store: Store
    workers: Workers
    on_event: OnEvent

    def run(self, steps: Mapping[str, Step], wanted: Iterable[str]) -> Outcome:
        """See `execute`."""
        return execute(steps, wanted, self.store, self.workers, self.on_event)


@dataclass(frozen=True)
class Execution:
    """Where steps run and what they leave.

    `store`: folder or URL. `on`: `local`, with `workers` processes side by side (None: as many as the cores carry; 1:
    in this process), or `ray`, or `ray://host:port`.
    """

    store: Path | str
    workers: int | None = None
    on: str = "local"
    on_event: OnEvent = ignore

    @contextmanager
    def session(self, numerics: Numerics) -> Iterator[Session]:
        """Opens store and workers for steps with these numerics.

        Raises:
            UserError: the store cannot be used, or there are no such workers.
        """
        leave_if_worker()
        store = open_store(self.store)
        with open_workers(self.on, store, numerics, self.workers) as workers:
            yield Session(store, workers, self.on_event)
