"""An open store with open workers, for running steps."""

from __future__ import annotations

import logging
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
from prettyuseful.engine.workers.guard import exit_if_worker
from prettyuseful.engine.workers.open import open_workers
from prettyuseful.numerics import Numerics, environment

_logger = logging.getLogger("prettyuseful")


@dataclass(frozen=True)
class Session:
    """An open store, workers that use it, and the receiver of events."""

    store: Store
    workers: Workers
    on_event: OnEvent

    def run(self, steps: Mapping[str, Step], wanted: Iterable[str]) -> Outcome:
        """Run the steps that are needed for the wanted keys; see `execute`."""
        return execute(steps, wanted, self.store, self.workers, self.on_event)


@dataclass(frozen=True)
class Execution:
    """Where steps run and where their artifacts are stored.

    Attributes:
        store: a folder or a URL.
        workers: number of worker processes for `on="local"`; None for as many as the CPU cores allow, 1 to run in this
            process.
        on: `local`, `ray`, or `ray://host:port`.
        on_event: called with every event of a run.
    """

    store: Path | str
    workers: int | None = None
    on: str = "local"
    on_event: OnEvent = ignore

    @contextmanager
    def session(self, numerics: Numerics) -> Iterator[Session]:
        """Open the store and workers for steps with these numerics.

        Raises:
            UserError: the store or the workers cannot be opened.
        """
        exit_if_worker()
        store = open_store(self.store)
        with open_workers(self.on, store, numerics, self.workers) as workers:
            if _logger.isEnabledFor(logging.DEBUG):
                _logger.debug("store: %s", store.url)
                _logger.debug("workers: %s, %d at a time, numerics: %s", self.on, workers.width, numerics)
                versions = {"python": environment().python, **environment().packages}
                _logger.debug("versions: %s", ", ".join(f"{name} {version}" for name, version in versions.items()))
            yield Session(store, workers, self.on_event)
