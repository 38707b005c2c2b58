"""Runs the steps of a plan, side by side, wherever the workers are. Knows nothing of images and nothing of Ray."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from prettyuseful.engine.events import OnEvent, RunPlanned, StepEvent
from prettyuseful.engine.step import Resources, Step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.workers.base import LostWorkerError, Workers
from prettyuseful.errors import CorruptArtifactError, PrettyUsefulError, StoreAwayError, UserError, one_line
from prettyuseful.redaction import redacted

_ATTEMPTS = 3
_TICK = 0.1  # seconds between looks at what the workers say
_PATIENCE = 0.5  # seconds before a step that another process works on is looked at again


@dataclass
class Outcome:
    """What was made, what failed and why, and what could not start because of that. All by key."""

    made: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)


def missing_steps(steps: Mapping[str, Step], wanted: Iterable[str], store: Store) -> dict[str, Step]:
    """The steps that must run so that every wanted key is in the store, in the plan's order.

    What is only an ingredient of something that is already there is not missing.
    """
    needed: set[str] = set()
    asked = set(wanted)
    while asked:
        missing = asked - store.present(asked)
        needed |= missing
        asked = {k for key in missing for k in steps[key].inputs.values()} - needed
    return {key: step for key, step in steps.items() if key in needed}


def execute(
    steps: Mapping[str, Step],
    wanted: Iterable[str],
    store: Store,
    workers: Workers,
    on_event: OnEvent,
) -> Outcome:
    """Makes every wanted artifact that is not in the store, by workers that are open.

    A failed step is told, and kept in the store with its cause; what does not depend on it goes on. A step whose worker
    or storage is lost is tried again, three times in all; an input that turns out corrupt is made again.

    Raises:
        UserError: a step found a mistake that the user must mend. Everything made so far stays.
    """
    todo = missing_steps(steps, wanted, store)
    on_event(RunPlanned(todo, workers.width, store))
    return _Scheduler(steps, store, workers, on_event).run(todo)


class _Scheduler:
    def __init__(self, steps: Mapping[str, Step], store: Store, workers: Workers, on_event: OnEvent) -> None:
        self.steps, self.store, self.workers, self.tell = steps, store, workers, on_event
        self.outcome = Outcome()
        self.order = {key: index for index, key in enumerate(steps)}
        self.waiting: dict[str, set[str]] = {}
        self.needed_by: dict[str, list[str]] = defaultdict(list)
        self.ready: dict[Resources, list[tuple[int, str]]] = defaultdict(list)
        self.later: list[tuple[float, str]] = []
        self.running: dict[Future[bool], Step] = {}
        self.attempts: dict[str, int] = {}

    def run(self, todo: Mapping[str, Step]) -> Outcome:
        self._enlist(todo)
        while any(self.ready.values()) or self.later or self.running:
            self._submit()
            if not self.running:
                time.sleep(_TICK)
                continue
            done, _ = wait(self.running, timeout=_TICK, return_when=FIRST_COMPLETED)
            for key, fraction in self.workers.progress_events():
                self.tell(StepEvent("progress", self.steps[key], fraction))
            for future in done:
                self._settle(self.running.pop(future), future)
        return self.outcome

    def _enlist(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        fresh = set(keys)
        for key in keys:
            self.tell(StepEvent("waiting", self.steps[key]))
            self.waiting[key] = {k for k in self.steps[key].inputs.values() if k in fresh or k in self.waiting}
            for needed in self.waiting[key]:
                self.needed_by[needed].append(key)
            if not self.waiting[key]:
                self._make_ready(key)

    def _make_ready(self, key: str) -> None:
        self.waiting.pop(key, None)
        heapq.heappush(self.ready[self.steps[key].spec.needs], (self.order[key], key))

    def _submit(self) -> None:
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self._make_ready(heapq.heappop(self.later)[1])
        while (key := self._next()) is not None:
            if self.store.read(key) is not None:
                self._finish(key)
                continue
            # Where a dying worker takes others along, a step on its last attempt runs alone.
            lasts = any(self.attempts.get(k) == _ATTEMPTS - 1 for k in (key, *(s.key for s in self.running.values())))
            if self.workers.crash_kills_siblings and self.running and lasts:
                self._make_ready(key)
                return
            self.tell(StepEvent("started", self.steps[key]))
            self.running[self.workers.submit(self.steps[key])] = self.steps[key]

    def _next(self) -> str | None:
        """The first in the plan's order of those that are ready and that the workers have room for."""
        fitting = [
            heap
            for heap in self.ready.values()
            if heap and self.workers.room_for(self.steps[heap[0][1]], self.running.values())
        ]
        return heapq.heappop(min(fitting, key=lambda heap: heap[0]))[1] if fitting else None

    def _settle(self, step: Step, future: Future[bool]) -> None:
        key = step.key
        try:
            if not future.result():  # another process is at it
                heapq.heappush(self.later, (time.monotonic() + _PATIENCE, key))
            elif self.store.read(key) is None:
                self._again(
                    key,
                    f"its artifact is not in the store {self.store.url}; do all workers see the same store?",
                )
            else:
                self._finish(key)
        except UserError as error:
            # The network of one worker may be away; no step has failed because of storage that stays away.
            if not isinstance(error, StoreAwayError) or self.attempts.get(key, 0) + 1 >= _ATTEMPTS:
                raise
            self._again(key, str(error))
        except LostWorkerError as error:
            self._again(key, str(error))
        except CorruptArtifactError as error:
            lost = [k for k in step.inputs.values() if self.store.read(k) is None]
            self._again(key, str(error), lost)
        except PrettyUsefulError as error:  # the study goes on without it
            self._fail(key, str(error))
        except Exception as error:  # of what brings steps to workers: it cannot be pickled, for one
            self._fail(key, redacted(one_line(f"{type(error).__name__}: {error}")))

    def _again(self, key: str, cause: str, lost: Iterable[str] = ()) -> None:
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if self.attempts[key] >= _ATTEMPTS:
            self._fail(key, cause)
            return
        self.tell(StepEvent("retried", self.steps[key], cause=cause))
        self._enlist([*missing_steps(self.steps, lost, self.store), key])

    def _finish(self, key: str) -> None:
        self.outcome.made.add(key)
        self.tell(StepEvent("finished", self.steps[key], 1.0))
        for other in self.needed_by.pop(key, ()):
            if other in self.waiting:
                self.waiting[other].discard(key)
                if not self.waiting[other]:
                    self._make_ready(other)

    def _fail(self, key: str, cause: str) -> None:
        self.outcome.failed[key] = cause
        self.store.record_failure(key, cause)
        self.tell(StepEvent("failed", self.steps[key], cause=cause))
        lost = [key]
        while lost:
            for other in self.needed_by.pop(lost.pop(), ()):
                if self.waiting.pop(other, None) is not None:
                    lost.append(other)
                    self.outcome.blocked.add(other)
                    self.tell(StepEvent("blocked", self.steps[other], cause=f"needs {self.steps[key].label}"))
