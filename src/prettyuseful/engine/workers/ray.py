"""Workers on a Ray cluster: actors that keep their model loaded, as many as the cluster has room for."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

from prettyuseful.engine.step import Resources, Step, run_step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import LostWorkerError
from prettyuseful.errors import PrettyUsefulError, StepFailedError, StudyError, one_line

_LOST = "its Ray worker or node was lost (killed or out of memory)"


@dataclass(eq=False)
class _WorkerActor:
    """An actor, its resources, and the rate class of its last step."""

    actor: Any
    needs: Resources
    rate_class: str


class RayWorkers:
    """Actors on the cluster at `address`: `ray://host:port`, or `ray` for RAY_ADDRESS, a running cluster of this
    machine, or a new one. See `workers.base.Workers`.

    A step runs on an idle actor with the same resources, preferably one whose last step had the same rate class,
    because its model is still loaded. Ray sets the OpenMP threads of an actor to its CPUs, as the numerics require.

    Raises:
        StudyError: Ray is not installed, or the cluster cannot be reached.
    """

    crash_kills_siblings = False

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address
        self.idle: list[_WorkerActor] = []
        self.busy: list[_WorkerActor] = []
        self._returned: SimpleQueue[tuple[_WorkerActor, bool]] = SimpleQueue()
        self._started_ray = False

    def __enter__(self) -> Self:
        self._ray = _import_ray()
        if not self._ray.is_initialized():
            address = None if self.address == "ray" else self.address
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            try:
                self._ray.init(address, log_to_driver=False, logging_level="ERROR")
            except Exception as error:
                raise StudyError(
                    f"--on {self.address}: cannot reach a Ray cluster ({type(error).__name__}); start one with "
                    "`ray start`, or give another address"
                ) from error
            self._started_ray = True
        self._actor_class = self._ray.remote(_StepRunner)
        self._progress = self._ray.remote(_ProgressBuffer).options(num_cpus=0, max_restarts=-1).remote()
        self._pending_progress = self._progress.take.remote()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self.idle, *self.busy]:
            self._ray.kill(worker.actor)
        self._ray.kill(self._progress)
        self.idle, self.busy = [], []
        if self._started_ray:
            self._ray.shutdown()

    @property
    def width(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        needs = step.spec.needs
        if not running:
            self._check_possible(step)
        return self._fits([needs, *(other.spec.needs for other in running)])

    def submit(self, step: Step) -> Future[bool]:
        future: Future[bool] = Future()
        worker = self._acquire_actor(step)
        self.busy.append(worker)

        def on_done(done: Future[Any]) -> None:  # runs in a thread of Ray
            error = done.exception()
            self._returned.put((worker, error is None))
            if error is not None:
                future.set_exception(self._translate_error(error))
                return
            completed, exception = done.result()
            if exception is not None:
                future.set_exception(exception)
            else:
                future.set_result(completed)

        worker.actor.work.remote(step, self._progress).future().add_done_callback(on_done)
        return future

    def progress_events(self) -> Iterable[tuple[str, float]]:
        self._collect_returned()
        # If the cluster has lost nodes, idle actors must not block the start of waiting ones.
        if self.idle and not self._fits(worker.needs for worker in (*self.idle, *self.busy)):
            self._kill_idle()
        ready, _ = self._ray.wait([self._pending_progress], timeout=0)
        if not ready:
            return
        with suppress(self._ray.exceptions.RayError):  # its node was lost; Ray restarts the actor elsewhere
            yield from self._ray.get(self._pending_progress)
        self._pending_progress = self._progress.take.remote()

    def _acquire_actor(self, step: Step) -> _WorkerActor:
        """Return an idle actor with the same resources, or stop idle actors and start a new one."""
        self._collect_returned()
        needs = step.spec.needs
        candidates = [worker for worker in self.idle if worker.needs == needs]
        if candidates:
            worker = next((worker for worker in candidates if worker.rate_class == step.spec.rate_class), candidates[0])
            self.idle.remove(worker)
            worker.rate_class = step.spec.rate_class
            return worker
        self._kill_idle()  # they hold resources that the new actor may need
        options: dict[str, Any] = {"num_cpus": needs.threads, "num_gpus": needs.gpus, "max_restarts": 0}
        if needs.memory:
            options["memory"] = needs.memory
        return _WorkerActor(
            self._actor_class.options(**options).remote(self.store.url, str(Path.cwd()), sys.path),
            needs,
            step.spec.rate_class,
        )

    def _translate_error(self, error: BaseException) -> PrettyUsefulError:
        """Distinguish lost workers from other errors of Ray, such as a class that is not installed on the node."""
        exceptions = self._ray.exceptions
        lost_errors = (
            exceptions.RayActorError,
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
        )
        if isinstance(error, (*lost_errors, exceptions.ObjectLostError)) and not isinstance(
            error, exceptions.ActorUnschedulableError
        ):
            return LostWorkerError(_LOST)
        return StepFailedError(one_line(f"on Ray: {str(error).strip().splitlines()[-1]}"))

    def _collect_returned(self) -> None:
        """Mark actors with finished steps as idle. If one was lost, stop all idle ones: their node may be lost too."""
        with suppress(Empty):
            while True:
                worker, alive = self._returned.get_nowait()
                self.busy.remove(worker)
                if alive:
                    self.idle.append(worker)
                else:
                    self._kill_idle()

    def _kill_idle(self) -> None:
        while self.idle:
            self._ray.kill(self.idle.pop().actor)

    def _fits(self, requested: Iterable[Resources]) -> bool:
        """Whether the cluster in its current size has all these resources."""
        available, total = self._ray.cluster_resources(), Counter[str]()
        for needs in requested:
            total.update(_amounts(needs))
        return all(amount <= available.get(name, 0) for name, amount in total.items())

    def _check_possible(self, step: Step) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        requested = _amounts(step.spec.needs)
        if any(all(node.get(name, 0) >= amount for name, amount in requested.items()) for node in nodes):
            return
        amounts = ", ".join(f"{amount:g} {name}" for name, amount in requested.items())
        raise StudyError(
            f"{step.label} needs {amounts} on one node, but no node of the Ray cluster has that much; add such a node"
        )


def _amounts(needs: Resources) -> dict[str, int]:
    """Return the resources by Ray's names, without zeros."""
    amounts = {"CPU": needs.threads, "GPU": needs.gpus, "memory": needs.memory}
    return {name: amount for name, amount in amounts.items() if amount}


class _ProgressBuffer:
    """An actor that collects the progress of the workers."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}

    def put(self, key: str, fraction: float) -> None:
        self._fractions[key] = fraction

    def take(self) -> list[tuple[str, float]]:
        events, self._fractions = list(self._fractions.items()), {}
        return events


class _StepRunner:
    """The actor class: one process with one open store."""

    def __init__(self, url: str, folder: str, module_paths: list[str]) -> None:
        """Use the working folder and module paths of the driver if they exist, because studies refer to files there."""
        with suppress(OSError):
            os.chdir(folder)
        sys.path += [path for path in module_paths if path not in sys.path]
        self._url = url
        self._store: Store | None = None

    def work(self, step: Step, progress: Any) -> tuple[bool, PrettyUsefulError | None]:
        """Run a step. Exceptions are returned, because Ray would wrap them in a traceback."""
        try:
            self._store = self._store or open_store(self._url)
            return run_step(step, self._store, _progress_reporter(step.key, progress)) is not None, None
        except PrettyUsefulError as error:
            return False, error


def _progress_reporter(key: str, progress: Any) -> Callable[[float], None]:
    return lambda fraction: progress.put.remote(key, fraction)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise StudyError("--on ray needs Ray; install prettyuseful[ray]") from None
    return ray
