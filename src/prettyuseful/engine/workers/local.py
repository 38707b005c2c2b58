"""Worker processes on this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.context import SpawnProcess
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, Self

from tqdm.std import TqdmDefaultWriteLock

from prettyuseful.engine.processes import read_patience
from prettyuseful.engine.step import Progress, Step, run_step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import LostWorkerError, set_first_result
from prettyuseful.engine.workers.guard import NO_WORKER_MESSAGE
from prettyuseful.engine.workers.life import Usage, Watch, exit_with_parent, read_usage
from prettyuseful.errors import PrettyUsefulError, StepFailedError, StudyError
from prettyuseful.redaction.exceptions import describe_error, redact_uncaught_exceptions

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    _Connection = Connection[Any, Any]

_POLL_SECONDS = 1.0
_EXIT_SECONDS = 5.0
"""Seconds in which a process must exit. A process that waits for a dead file system does not exit even if killed."""


class LocalWorkers:
    """Worker processes on this machine, started by spawn. With `width=1`, steps run in this process.

    Each process has its own connection and shares no lock with others, so that one that is killed or hangs never
    disturbs them. See `workers.base.Workers`.

    A step that needs a GPU runs in a process that sees one of `gpus` only, and no two such steps run on one of them.
    Other steps run in processes that see none, beside them.

    Args:
        store: receives the artifacts.
        width: number of steps that run at the same time.
        gpus: names of GPUs, as in CUDA_VISIBLE_DEVICES; without them, steps that need one are not kept apart.
    """

    shares_memory = True

    def __init__(self, store: Store, width: int, gpus: Sequence[str] = ()) -> None:
        self.store, self.width, self.gpus = store, width, tuple(gpus)
        self._patience = read_patience()
        self._workers: list[_Worker] = []
        self._progress: SimpleQueue[tuple[str, float]] = SimpleQueue()

    def __enter__(self) -> Self:
        self._any_worker_ready, self._failed_starts = False, 0
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:
            worker.stop(kill=kind is not None)
        deadline = time.monotonic() + _EXIT_SECONDS
        for worker in self._workers:
            worker.wait(deadline)
        self._workers = []

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        gpus_in_use = sum(other.spec.needs.gpus > 0 for other in running)
        if self.gpus and step.spec.needs.gpus and gpus_in_use >= len(self.gpus):
            return False
        return len(running) < self.width

    def submit(self, step: Step) -> Future[bool]:
        if self.width == 1:
            return _run_here(step, self.store, lambda fraction: self._progress.put((step.key, fraction)))
        self._remove_ended()
        if not self._any_worker_ready and self._failed_starts > 1:  # a single failure may be an accident
            raise StudyError(NO_WORKER_MESSAGE)
        needs_gpu = bool(self.gpus and step.spec.needs.gpus)
        idle = (worker for worker in self._workers if not worker.is_busy and bool(worker.gpu) == needs_gpu)
        worker = next(idle, None)
        if worker is None:
            worker = _Worker(self.store.url, self._progress, self._gpu_for_new_process(needs_gpu))
            self._workers.append(worker)
        return worker.submit(step, Watch(self._patience))

    def _gpu_for_new_process(self, needs_gpu: bool) -> str | None:
        """Return a GPU that no process has, or "" for a process without one; None if processes are not kept apart."""
        if not self.gpus:
            return None
        if not needs_gpu:
            return ""
        taken = {worker.gpu for worker in self._workers}  # a process has one step, and `room_for` counts these steps
        return next(gpu for gpu in self.gpus if gpu not in taken)

    def progress_events(self) -> Iterable[tuple[str, float]]:
        for worker in self._workers:
            worker.kill_if_hung()
        with suppress(Empty):
            while True:
                yield self._progress.get_nowait()

    def _remove_ended(self) -> None:
        self._any_worker_ready |= any(worker.is_ready for worker in self._workers)
        ended = [worker for worker in self._workers if worker.has_ended]
        self._failed_starts += sum(not worker.is_ready for worker in ended)
        for worker in ended:
            worker.stop(kill=True)
        self._workers = [worker for worker in self._workers if worker not in ended]


def _run_here(step: Step, store: Store, progress: Progress) -> Future[bool]:
    future: Future[bool] = Future()
    try:
        future.set_result(run_step(step, store, progress) is not None)
    except Exception as error:
        future.set_exception(error)
    return future


class _Process(SpawnProcess):
    """A process for whose end nothing waits without a limit, not even Python when it exits."""

    def join(self, timeout: float | None = None) -> None:
        super().join(_EXIT_SECONDS if timeout is None else timeout)


_Message = tuple[Literal["ready", "progress", "end"], Any]
"""What a worker sends: that it has started, a finished fraction, the result or exception of a step."""


class _Worker:
    """A worker process, and the thread of this process that starts it, sends it steps and receives its messages.

    `gpu`: the GPU that the process sees, as in CUDA_VISIBLE_DEVICES: "" for none, None for those that this one sees.
    """

    def __init__(self, url: str, progress: SimpleQueue[tuple[str, float]], gpu: str | None) -> None:
        self.is_ready, self.gpu = False, gpu
        self._url, self._progress = url, progress
        self._process: _Process | None = None
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._current: tuple[Step, Future[bool], Watch] | None = None
        self._is_lost, self._must_die = False, False
        # On Linux, the process is killed when the thread ends that started it: see `exit_with_parent`.
        self._thread = threading.Thread(target=self._converse, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._current is not None

    @property
    def has_ended(self) -> bool:
        return self._is_lost or (self._process is not None and not self._process.is_alive())

    def submit(self, step: Step, watch: Watch) -> Future[bool]:
        future: Future[bool] = Future()
        self._current = step, future, watch
        self._steps.put(step)
        return future

    def kill_if_hung(self) -> None:
        """Kill the process if its step has shown no sign of life for longer than the patience."""
        if (current := self._current) is None or not (watch := current[2]).is_due():
            return
        pid = self._process.pid if self._process else None
        if watch.look(read_usage(pid) if pid else Usage()):
            self._is_lost = True  # at once: a process that waits for a dead file system may never exit
            self._finish(LostWorkerError(watch.cause))
            self.stop(kill=True)

    def stop(self, kill: bool) -> None:
        self._must_die = kill
        self._steps.put(None)
        if kill and self._process is not None:
            self._process.kill()

    def wait(self, deadline: float) -> None:
        """Wait for the end of the process; kill it at the deadline."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    def _converse(self) -> None:
        """Run steps until the process is stopped or lost. This is the only code that runs in the thread."""
        try:
            connection, other_end = Pipe()
            with connection:
                with other_end:
                    process = _Process(target=_serve, args=(os.getpid(), other_end, self._url, self.gpu))
                    process.start()
                self._process = process
                if self._must_die:
                    process.kill()
                while (step := self._steps.get()) is not None:
                    self._run(step, connection, process)
            process.join()
        except Exception as error:
            self._is_lost = True
            reason = "died (killed or out of memory)" if self._process else f"did not start ({error})"
            self._finish(LostWorkerError(f"its worker process {reason}"))

    def _run(self, step: Step, connection: _Connection, process: _Process) -> None:
        """Run a step in the process.

        Raises:
            EOFError, OSError: the process has died.
        """
        try:
            connection.send(step)
            kind, value = _receive(connection, process)
            while kind != "end":
                self.is_ready = True
                if kind == "progress":
                    self._progress.put((step.key, value))
                    if self._current is not None:
                        self._current[2].sign()
                kind, value = _receive(connection, process)
        except (EOFError, OSError):
            raise
        except Exception as error:  # such as a pickling error
            value = error
        self._finish(value)

    def _finish(self, result: bool | Exception) -> None:
        current, self._current = self._current, None
        if current is not None:
            set_first_result(current[1], result)


def _receive(connection: _Connection, process: _Process) -> _Message:
    """Return the next message. A dead process is noticed even if its child processes keep the connection open."""
    while not connection.poll(_POLL_SECONDS):
        if not process.is_alive() and not connection.poll():
            raise EOFError
    message: _Message = connection.recv()
    return message


def _serve(parent: int, connection: _Connection, url: str, gpu: str | None) -> None:
    """Run the steps that arrive, in a worker process, until the connection is closed. Ctrl-C is left to the parent."""
    exit_with_parent(parent)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # CUDA reads it when it starts, which is in the first step
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    redact_uncaught_exceptions()
    # Workers show no progress bars, and a killed worker would leak the semaphore of tqdm.
    TqdmDefaultWriteLock.mp_lock = None
    sending = threading.Lock()
    store: Store | None = None  # one for all steps, so that files are hashed once per process

    def send(*message: Any) -> None:
        with sending:
            connection.send(message)

    send("ready", None)
    while True:
        try:
            step: Step = connection.recv()
            store = store or open_store(url)
            send("end", run_step(step, store, lambda fraction: send("progress", fraction)) is not None)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except PrettyUsefulError as error:
            send("end", error)
        except BaseException as error:  # a step that cannot be unpickled; KeyboardInterrupt of the step, not of Ctrl-C
            send("end", StepFailedError(describe_error(error)))
