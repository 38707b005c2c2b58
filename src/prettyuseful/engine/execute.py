"""The scheduler: runs the steps of a plan on workers, in parallel. It does not depend on the kind of worker."""

from __future__ import annotations

import heapq
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from prettyuseful.engine.events import OnEvent, RunPlanned, StepEvent
from prettyuseful.engine.explain import explain_steps
from prettyuseful.engine.step import Resources, Step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.workers.base import LostWorkerError, Workers
from prettyuseful.errors import (
    CorruptArtifactError,
    MemoryLimitError,
    PrettyUsefulError,
    StoreUnavailableError,
    UserError,
)
from prettyuseful.redaction import redact_line

_logger = logging.getLogger("prettyuseful")
_MAX_ATTEMPTS = 3
_POLL_INTERVAL = 0.1  # seconds between checks for progress
_RECHECK_DELAY = 0.5  # seconds before checking again a step that another process has claimed


@dataclass
class Outcome:
    """The result of a run, by key: finished steps, failed steps with causes, and steps blocked by failed inputs."""

    completed: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)


def select_missing_steps(steps: Mapping[str, Step], wanted: Iterable[str], store: Store) -> dict[str, Step]:
    """Return the steps that must run so that every wanted key is in the store, in the order of the plan.

    A missing input is not computed if all artifacts that need it are in the store.
    """
    needed: set[str] = set()
    pending = set(wanted)
    while pending:
        missing = pending - store.select_existing(pending)
        needed |= missing
        pending = {k for key in missing for k in steps[key].inputs.values()} - needed
    return {key: step for key, step in steps.items() if key in needed}


def execute(
    steps: Mapping[str, Step],
    wanted: Iterable[str],
    store: Store,
    workers: Workers,
    on_event: OnEvent,
) -> Outcome:
    """Run every step that is needed for the wanted keys, on open workers.

    A failed step is reported and recorded in the store with its cause; steps that do not depend on it continue. A step
    is tried up to three times if its worker or the storage is lost. A corrupt input is made again.

    Raises:
        UserError: a step found a mistake of the user. Finished artifacts stay in the store.
    """
    wanted = list(wanted)
    todo = select_missing_steps(steps, wanted, store)
    _logger.debug("%d of %d steps must run", len(todo), len(steps))
    plan = with_inputs(steps, wanted)
    on_event(RunPlanned(todo, workers.width, store, plan))
    scheduler = _Scheduler(steps, wanted, store, workers, on_event)
    if _logger.isEnabledFor(logging.DEBUG):
        scheduler.reasons = {reason.key: reason.words for reason in explain_steps(plan, todo, store).reasons}
    return scheduler.run(todo)


def with_inputs(steps: Mapping[str, Step], wanted: Iterable[str]) -> dict[str, Step]:
    """Return the wanted steps and all that they are made from, in the order of the plan."""
    needed: set[str] = set()
    pending = set(wanted)
    while pending:
        needed |= pending
        pending = {k for key in pending for k in steps[key].inputs.values()} - needed
    return {key: step for key, step in steps.items() if key in needed}


class _Scheduler:
    def __init__(
        self, steps: Mapping[str, Step], wanted: Iterable[str], store: Store, workers: Workers, on_event: OnEvent
    ) -> None:
        self.steps, self.store, self.workers, self.emit = steps, store, workers, on_event
        self.wanted = frozenset(wanted)
        self.outcome = Outcome()
        self.order = {key: index for index, key in enumerate(steps)}
        self.waiting: dict[str, set[str]] = {}
        self.needed_by: dict[str, list[str]] = defaultdict(list)
        self.ready: dict[Resources, list[tuple[int, str]]] = defaultdict(list)
        self.delayed: list[tuple[float, str]] = []
        self.running: dict[Future[bool], Step] = {}
        self.attempts: dict[str, int] = {}
        self.reasons: dict[str, str] = {}
        self.used_by: dict[str, set[str]] = defaultdict(set)  # the steps to run that need a step
        self.out_of_memory: set[str] = set()  # blocked steps, because an input of them does not fit into the memory

    def run(self, todo: Mapping[str, Step]) -> Outcome:
        self._enqueue(todo)
        while any(self.ready.values()) or self.delayed or self.running:
            self._submit()
            if not self.running:
                time.sleep(_POLL_INTERVAL)
                continue
            done, _ = wait(self.running, timeout=_POLL_INTERVAL, return_when=FIRST_COMPLETED)
            for key, fraction in self.workers.progress_events():
                self.emit(StepEvent("progress", self.steps[key], fraction))
            for future in done:
                self._handle_result(self.running.pop(future), future)
        return self.outcome

    def _enqueue(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        new = set(keys)
        for key in keys:
            self.emit(StepEvent("waiting", self.steps[key]))
            for needed in self.steps[key].inputs.values():
                self.used_by[needed].add(key)
            self.waiting[key] = {k for k in self.steps[key].inputs.values() if k in new or k in self.waiting}
            for needed in self.waiting[key]:
                self.needed_by[needed].append(key)
            if not self.waiting[key]:
                self._make_ready(key)

    def _make_ready(self, key: str) -> None:
        self.waiting.pop(key, None)
        heapq.heappush(self.ready[self.steps[key].spec.needs], (self.order[key], key))

    def _submit(self) -> None:
        now = time.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            self._make_ready(heapq.heappop(self.delayed)[1])
        while (key := self._next()) is not None:
            if self.store.read(key) is not None:
                self._finish(key)
                continue
            if self._is_useless(key):
                self._give_up(key)
                continue
            # Its workers may have run out of memory that other steps used, so the last attempt has it alone.
            is_last_attempt = any(
                self.attempts.get(k) == _MAX_ATTEMPTS - 1 for k in (key, *(s.key for s in self.running.values()))
            )
            if self.workers.shares_memory and self.running and is_last_attempt:
                self._make_ready(key)
                return
            _logger.debug("run %s: %s", self.steps[key].label, self.reasons.get(key, "its result is not in the store"))
            self.emit(StepEvent("started", self.steps[key]))
            self.running[self.workers.submit(self.steps[key])] = self.steps[key]

    def _next(self) -> str | None:
        """Return the first ready step, in the order of the plan, that the workers have room for."""
        fitting = [
            heap
            for heap in self.ready.values()
            if heap and self.workers.room_for(self.steps[heap[0][1]], self.running.values())
        ]
        return heapq.heappop(min(fitting, key=lambda heap: heap[0]))[1] if fitting else None

    def _handle_result(self, step: Step, future: Future[bool]) -> None:
        key = step.key
        try:
            if not future.result():  # another process has claimed the step
                self.reasons[key] = "another process worked on it before"
                _logger.debug("wait for %s: another process works on it", step.label)
                heapq.heappush(self.delayed, (time.monotonic() + _RECHECK_DELAY, key))
            elif self.store.read(key) is None:
                self._retry(
                    key,
                    f"its artifact is missing in the store {self.store.url}; check that all workers use the same store",
                )
            else:
                self._finish(key)
        except UserError as error:
            # One worker may have lost its network. If the storage stays unreachable, stop the run: no step has failed.
            if not isinstance(error, StoreUnavailableError) or self.attempts.get(key, 0) + 1 >= _MAX_ATTEMPTS:
                raise
            self._retry(key, str(error))
        except LostWorkerError as error:
            self._retry(key, str(error))
        except CorruptArtifactError as error:
            lost = [k for k in step.inputs.values() if self.store.read(k) is None]
            self._retry(key, str(error), lost)
        except MemoryLimitError as error:
            self.out_of_memory |= self._fail(key, str(error))
        except PrettyUsefulError as error:  # other steps continue
            self._fail(key, str(error))
        except Exception as error:  # from submitting the step, such as a pickling error
            self._fail(key, f"{type(error).__name__}: {error}")

    def _retry(self, key: str, cause: str, lost: Iterable[str] = ()) -> None:
        self.attempts[key] = self.attempts.get(key, 0) + 1
        cause = redact_line(cause)
        if self.attempts[key] >= _MAX_ATTEMPTS:
            self._fail(key, cause)
            return
        attempt = f"attempt {self.attempts[key] + 1} of {_MAX_ATTEMPTS}"
        _logger.warning("retry: %s (%s): %s", self.steps[key].label, attempt, cause)
        self.reasons[key] = f"{attempt}, because the last one failed"
        self.reasons |= dict.fromkeys(lost, "its stored artifact is damaged")
        self.emit(StepEvent("retried", self.steps[key], cause=cause))
        self._enqueue([*select_missing_steps(self.steps, lost, self.store), key])

    def _finish(self, key: str) -> None:
        self.outcome.completed.add(key)
        self.emit(StepEvent("finished", self.steps[key], 1.0))
        for other in self.needed_by.pop(key, ()):
            if other in self.waiting:
                self.waiting[other].discard(key)
                if not self.waiting[other]:
                    self._make_ready(other)

    def _fail(self, key: str, cause: str) -> set[str]:
        """Record a failed step, and return the steps that are blocked by it."""
        cause = redact_line(cause)  # it is stored, logged, and sent to observers
        self.outcome.failed[key] = cause
        self.store.record_failure(key, cause)
        _logger.error("failed: %s: %s", self.steps[key].label, cause)
        self.emit(StepEvent("failed", self.steps[key], cause=cause))
        return self._block_dependents(key)

    def _give_up(self, key: str) -> None:
        """Block a step that would be of no use, without running it."""
        self.outcome.blocked.add(key)
        self.emit(StepEvent("blocked", self.steps[key], cause="what needs it does not fit into the memory"))
        self.out_of_memory |= self._block_dependents(key)

    def _block_dependents(self, key: str) -> set[str]:
        """Block all steps that need a step, directly or through others, and return them."""
        lost, blocked = [key], set[str]()
        while lost:
            for other in self.needed_by.pop(lost.pop(), ()):
                if self.waiting.pop(other, None) is not None:
                    lost.append(other)
                    blocked.add(other)
                    self.emit(StepEvent("blocked", self.steps[other], cause=f"needs {self.steps[key].label}"))
        self.outcome.blocked |= blocked
        return blocked

    def _is_useless(self, key: str) -> bool:
        """Whether all that a step is made for is blocked, because something else does not fit into the memory."""
        if not self.out_of_memory or key in self.wanted or not (users := self.used_by[key]):
            return False
        return all(other in self.out_of_memory or self._is_useless(other) for other in users)
