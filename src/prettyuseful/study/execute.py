"""Runs the steps of a plan on this machine, side by side in worker processes. Knows nothing of images."""

from __future__ import annotations

import heapq
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal, Protocol

from prettyuseful.errors import CorruptArtifactError, UserError
from prettyuseful.steps.base import Step, run_step
from prettyuseful.store.base import Store
from prettyuseful.store.local import LocalStore

_ATTEMPTS = 3
_TICK = 0.1  # seconds between looks at what the workers say
_PATIENCE = 0.5  # seconds before a step that another process works on is looked at again


@dataclass(frozen=True)
class Event:
    """What happened to a step. `fraction` of it is done (0-1); `cause` says why it failed or is done again."""

    kind: Literal["waiting", "started", "progress", "finished", "failed", "retried", "blocked"]
    step: Step
    fraction: float = 0.0
    cause: str = ""


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
    open_keys = [key for key in wanted if store.read(key) is None]
    while open_keys:
        key = open_keys.pop()
        if key not in needed:
            needed.add(key)
            open_keys += [k for k in steps[key].inputs.values() if k not in needed and store.read(k) is None]
    return {key: step for key, step in steps.items() if key in needed}


def execute(
    steps: Mapping[str, Step],
    wanted: Iterable[str],
    store: LocalStore,
    workers: int,
    on_event: Callable[[Event], None],
) -> Outcome:
    """Makes every wanted artifact that is not in the store. One worker runs in this process, more in their own.

    A failed step is told and what does not depend on it goes on; a worker that dies is replaced and its steps are tried
    again; an input that turns out corrupt is made again.

    Raises:
        UserError: a step found a mistake that the user must mend. Everything made so far stays.
    """
    with _Pool(store.root, workers) as pool:
        return _Scheduler(steps, store, pool, on_event).run(missing_steps(steps, wanted, store))


class _Scheduler:
    def __init__(self, steps: Mapping[str, Step], store: Store, pool: _Pool, on_event: Callable[[Event], None]) -> None:
        self.steps, self.store, self.pool, self.tell = steps, store, pool, on_event
        self.outcome = Outcome()
        self.order = {key: index for index, key in enumerate(steps)}
        self.waiting: dict[str, set[str]] = {}
        self.ready: list[tuple[int, str]] = []
        self.later: list[tuple[float, str]] = []
        self.running: dict[Future[bool], str] = {}
        self.attempts: dict[str, int] = {}

    def run(self, todo: Mapping[str, Step]) -> Outcome:
        self._enlist(todo)
        while self.ready or self.later or self.running:
            self._submit()
            if not self.running:
                time.sleep(_TICK)
                continue
            done, _ = wait(self.running, timeout=_TICK, return_when=FIRST_COMPLETED)
            for key, fraction in self.pool.news():
                self.tell(Event("progress", self.steps[key], fraction))
            for future in done:
                if future in self.running:
                    self._settle(self.running.pop(future), future)
        return self.outcome

    def _enlist(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        fresh = set(keys)
        for key in keys:
            self.tell(Event("waiting", self.steps[key]))
            self.waiting[key] = {k for k in self.steps[key].inputs.values() if k in fresh or k in self.waiting}
            if not self.waiting[key]:
                self._make_ready(key)

    def _make_ready(self, key: str) -> None:
        self.waiting.pop(key, None)
        heapq.heappush(self.ready, (self.order[key], key))

    def _submit(self) -> None:
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self._make_ready(heapq.heappop(self.later)[1])
        while self.ready and len(self.running) < self.pool.width:
            _, key = heapq.heappop(self.ready)
            if self.store.read(key) is not None:
                self._finish(key)
                continue
            # A step on its last attempt runs alone: if the worker dies again, that step is to blame and no other.
            if self.running and any(self.attempts.get(k) == _ATTEMPTS - 1 for k in (key, *self.running.values())):
                self._make_ready(key)
                return
            self.tell(Event("started", self.steps[key]))
            self.running[self.pool.submit(self.steps[key])] = key

    def _settle(self, key: str, future: Future[bool]) -> None:
        step = self.steps[key]
        try:
            if future.result():
                self._finish(key)
            else:  # another process is at it
                heapq.heappush(self.later, (time.monotonic() + _PATIENCE, key))
        except UserError:
            raise
        except BrokenProcessPool:
            self.pool.renew()
            self._again(key, "its worker process died (killed, or out of memory)")
            for other in [self.running.pop(f) for f in list(self.running)]:
                self._again(other, "its worker process was stopped with another that died")
        except CorruptArtifactError as error:
            lost = [k for k in step.inputs.values() if self.store.read(k) is None]
            self._again(key, str(error), lost)
        except Exception as error:  # a step may fail in any way; the study goes on without it
            self._fail(key, f"{type(error).__name__}: {error}")

    def _again(self, key: str, cause: str, lost: Iterable[str] = ()) -> None:
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if self.attempts[key] >= _ATTEMPTS:
            self._fail(key, cause)
            return
        self.tell(Event("retried", self.steps[key], cause=cause))
        self._enlist([*missing_steps(self.steps, lost, self.store), key])

    def _finish(self, key: str) -> None:
        self.outcome.made.add(key)
        self.tell(Event("finished", self.steps[key], 1.0))
        for other, needs in list(self.waiting.items()):
            needs.discard(key)
            if not needs:
                self._make_ready(other)

    def _fail(self, key: str, cause: str) -> None:
        self.outcome.failed[key] = cause
        self.tell(Event("failed", self.steps[key], cause=cause))
        lost = {key}
        for other in list(self.steps):  # the plan's order: a step comes after what it needs
            if other in self.waiting and lost & set(self.steps[other].inputs.values()):
                del self.waiting[other]
                lost.add(other)
                self.outcome.blocked.add(other)
                self.tell(Event("blocked", self.steps[other], cause=f"needs {self.steps[key].label}"))


class _News(Protocol):
    def put(self, item: Any) -> None: ...

    def get_nowait(self) -> Any: ...


class _Pool:
    """Worker processes that are started afresh (spawn), so that they share no state with this one; or this process."""

    def __init__(self, root: Path, workers: int) -> None:
        self.root, self.width = root, workers
        self._context = multiprocessing.get_context("spawn")
        self._news: _News
        self._pool: Executor | None = None

    def __enter__(self) -> _Pool:
        self.renew()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop(kill=kind is not None)

    def renew(self) -> None:
        self._stop(kill=True)
        if self.width == 1:
            self._news = SimpleQueue()
            return
        self._news = self._context.Queue()
        self._pool = ProcessPoolExecutor(
            self.width, self._context, initializer=_begin_worker, initargs=(os.getpid(), self._news)
        )

    def submit(self, step: Step) -> Future[bool]:
        future: Future[bool] = Future()
        try:
            if self._pool is not None:
                return self._pool.submit(_work, step, self.root)
            future.set_result(_run(step, self.root, self._news))
        except Exception as error:
            future.set_exception(error)
        return future

    def news(self) -> Iterable[tuple[str, float]]:
        with suppress(Empty):
            while True:
                yield self._news.get_nowait()

    def _stop(self, kill: bool) -> None:
        if self._pool is None:
            return
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=not kill, cancel_futures=True)
        if kill:
            for process in processes:
                process.kill()
        self._pool = None


_worker_news: _News | None = None


def _begin_worker(parent: int, news: _News) -> None:
    """Runs once in every worker: it leaves Ctrl-C to the parent, and does not outlive it."""
    global _worker_news
    _worker_news = news
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(step: Step, root: Path) -> bool:
    assert _worker_news is not None
    return _run(step, root, _worker_news)


def _run(step: Step, root: Path, news: _News) -> bool:
    return run_step(step, _open_store(root), lambda fraction: news.put((step.key, fraction))) is not None


_stores: dict[Path, LocalStore] = {}


def _open_store(root: Path) -> LocalStore:
    """One store object per process, so that a file's bytes are hashed once, not once per step."""
    if root not in _stores:
        _stores[root] = LocalStore(root)
    return _stores[root]
