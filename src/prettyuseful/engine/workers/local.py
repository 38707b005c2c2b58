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
from prettyuseful.engine.workers.guard import NO_WORKER
from prettyuseful.errors import StudyError

_BEGUN = ""
"""What a worker sends instead of a step's key once it is up."""


class _News(Protocol):
    def put(self, item: Any) -> None: ...

    def get_nowait(self) -> Any: ...


class LocalWorkers:
    """Processes that are started afresh (spawn): they share no state with this one. A single worker is this one.

    See `workers.base.Workers`.
    """

    crash_kills_siblings = True

    def __init__(self, store: Store, width: int) -> None:
        self.store, self.width = store, width
        self._context = multiprocessing.get_context("spawn")
        self._news: _News = SimpleQueue() if width == 1 else self._context.Queue()
        self._pool: ProcessPoolExecutor | None = None
        self._begun, self._false_starts = False, 0
        self._waiting: list[tuple[str, float]] = []

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
                future.set_result(_run(step, self.store, self._news))
            except Exception as error:
                future.set_exception(error)
            return future
        try:
            inner = self._pool.submit(_work, step, self.store.url)
        except BrokenProcessPool:  # a worker has died since: all of its pool's steps have been reported
            self._receive()
            self._false_starts += not self._begun
            if self._false_starts > 1:  # one worker may have been killed by accident
                raise StudyError(NO_WORKER) from None
            self._stop(kill=True)
            self._start()
            inner = self._pool.submit(_work, step, self.store.url)
        inner.add_done_callback(lambda done: _pass_on(done, future))
        return future

    def progress_events(self) -> Iterable[tuple[str, float]]:
        self._receive()
        received, self._waiting = self._waiting, []
        return received

    def _receive(self) -> None:
        with suppress(Empty):
            while True:
                key, fraction = self._news.get_nowait()
                if key == _BEGUN:
                    self._begun = True
                else:
                    self._waiting.append((key, fraction))

    def _start(self) -> None:
        # A queue of its own: a worker that was killed may have held the lock of the last one.
        self._news = self._context.Queue()
        self._pool = ProcessPoolExecutor(
            self.width, self._context, initializer=_begin_worker, initargs=(os.getpid(), self._news)
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


def _pass_on(done: Future[bool], future: Future[bool]) -> None:
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is None:
        future.set_result(done.result())
    elif isinstance(error, BrokenProcessPool):
        future.set_exception(LostWorkerError("its worker process died (killed, or out of memory)"))
    else:
        future.set_exception(error)


_worker_news: _News | None = None


def _begin_worker(parent: int, news: _News) -> None:
    """Runs once in every worker: it leaves Ctrl-C to the parent, and does not outlive it."""
    global _worker_news
    _worker_news = news
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker shows no bars: the semaphore that they would share is what a killed one would leave behind.
    TqdmDefaultWriteLock.mp_lock = None
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    news.put((_BEGUN, 0.0))


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


_stores: dict[str, Store] = {}


def _work(step: Step, url: str) -> bool:
    """In a worker: one store object per process, so that a file's bytes are hashed once, not once per step."""
    assert _worker_news is not None
    if url not in _stores:
        _stores[url] = open_store(url)
    return _run(step, _stores[url], _worker_news)


def _run(step: Step, store: Store, news: _News) -> bool:
    return run_step(step, store, lambda fraction: news.put((step.key, fraction))) is not None
