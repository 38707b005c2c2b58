"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, Self

from tqdm.std import TqdmDefaultWriteLock

from prettyuseful.engine.step import Step, run_step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import LostWorkerError
from prettyuseful.engine.workers.guard import NO_WORKER_MESSAGE
from prettyuseful.errors import StudyError

_WORKER_READY = ""
"""A worker sends this instead of a step key when it has started."""


class _ProgressQueue(Protocol):
    def put(self, item: Any) -> None: ...

    def get_nowait(self) -> Any: ...


class LocalWorkers:
    """Worker processes on this machine, started by spawn. With `width=1`, steps run in this process.

    See `workers.base.Workers`.
    """

    crash_kills_siblings = True

    def __init__(self, store: Store, width: int) -> None:
        self.store, self.width = store, width
        self._context = multiprocessing.get_context("spawn")
        self._queue: _ProgressQueue = SimpleQueue() if width == 1 else self._context.Queue()
        self._pool: ProcessPoolExecutor | None = None
        self._any_worker_ready, self._failed_starts = False, 0
        self._pending_events: list[tuple[str, float]] = []

    def __enter__(self) -> Self:
        if self.width > 1:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop(kill=kind is not None)

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        del step
        return len(running) < self.width

    def submit(self, step: Step) -> Future[bool]:
        future: Future[bool] = Future()
        if self._pool is None:
            try:
                future.set_result(_run(step, self.store, self._queue))
            except Exception as error:
                future.set_exception(error)
            return future
        try:
            inner = self._pool.submit(_run_in_worker, step, self.store.url)
        except BrokenProcessPool:  # a worker has died; all steps of the pool were reported as lost
            self._receive()
            self._failed_starts += not self._any_worker_ready
            if self._failed_starts > 1:  # a single failure may be an accident
                raise StudyError(NO_WORKER_MESSAGE) from None
            self._stop(kill=True)
            self._start()
            inner = self._pool.submit(_run_in_worker, step, self.store.url)
        inner.add_done_callback(lambda done: _copy_result(done, future))
        return future

    def progress_events(self) -> Iterable[tuple[str, float]]:
        self._receive()
        received, self._pending_events = self._pending_events, []
        return received

    def _receive(self) -> None:
        with suppress(Empty):
            while True:
                key, fraction = self._queue.get_nowait()
                if key == _WORKER_READY:
                    self._any_worker_ready = True
                else:
                    self._pending_events.append((key, fraction))

    def _start(self) -> None:
        # A new queue: a killed worker may have held the lock of the old one.
        self._queue = self._context.Queue()
        self._pool = ProcessPoolExecutor(
            self.width, self._context, initializer=_initialise_worker, initargs=(os.getpid(), self._queue)
        )

    def _stop(self, kill: bool) -> None:
        if self._pool is None:
            return
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=not kill, cancel_futures=True)
        if kill:
            for process in processes:
                process.kill()
        self._pool = None


def _copy_result(done: Future[bool], future: Future[bool]) -> None:
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is None:
        future.set_result(done.result())
    elif isinstance(error, BrokenProcessPool):
        future.set_exception(LostWorkerError("its worker process died (killed or out of memory)"))
    else:
        future.set_exception(error)


_worker_queue: _ProgressQueue | None = None


def _initialise_worker(parent: int, queue: _ProgressQueue) -> None:
    """Runs once in every worker: Ctrl-C is left to the parent, and the worker exits with the parent."""
    global _worker_queue
    _worker_queue = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Workers show no progress bars, and a killed worker would leak the semaphore of tqdm.
    TqdmDefaultWriteLock.mp_lock = None
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    queue.put((_WORKER_READY, 0.0))


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


_stores: dict[str, Store] = {}


def _run_in_worker(step: Step, url: str) -> bool:
    """Run a step in a worker. Each process keeps its store object, so that files are hashed once per process."""
    assert _worker_queue is not None
    if url not in _stores:
        _stores[url] = open_store(url)
    return _run(step, _stores[url], _worker_queue)


def _run(step: Step, store: Store, queue: _ProgressQueue) -> bool:
    return run_step(step, store, lambda fraction: queue.put((step.key, fraction))) is not None
