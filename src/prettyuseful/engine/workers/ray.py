"""Workers on a Ray cluster: actors that keep their model loaded, as many as the cluster has room for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

from prettyuseful.engine.processes import read_patience
from prettyuseful.engine.step import Resources, Step, run_step
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import LostWorkerError, set_first_result
from prettyuseful.engine.workers.life import Watch
from prettyuseful.engine.workers.ray_cluster import ray_cluster
from prettyuseful.engine.workers.ray_observers import ActorProcess, Observers
from prettyuseful.engine.workers.ray_room import Placed, amounts, fits, idle_in_the_way
from prettyuseful.errors import PrettyUsefulError, StepFailedError, StudyError
from prettyuseful.redaction import redact, redact_line
from prettyuseful.redaction.exceptions import redact_uncaught_exceptions

_LOST = "its Ray worker or node was lost (killed or out of memory)"
_LOOK_SECONDS = 10.0
"""Seconds between two looks whether an actor is alive."""


@dataclass(eq=False)
class _WorkerActor:
    """An actor, its resources, its process, and its last step with the result that is awaited."""

    actor: Any
    needs: Resources
    process: ActorProcess
    step: Step = field(init=False)
    future: Future[bool] = field(init=False)
    watch: Watch = field(init=False)


class RayWorkers:
    """Actors on the cluster at `address`: `ray://host:port`, or `ray` for RAY_ADDRESS, a running cluster of this
    machine, or a new one. See `workers.base.Workers`.

    A step runs on an idle actor with the same resources, preferably one whose last step had the same rate class,
    because its model is still loaded. Ray sets the OpenMP threads of an actor to its CPUs, as the numerics require.

    Raises:
        StudyError: Ray is not installed, or the cluster cannot be reached.
    """

    shares_memory = False

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address
        self.idle: list[_WorkerActor] = []
        self.busy: list[_WorkerActor] = []
        self._returned: SimpleQueue[tuple[_WorkerActor, bool]] = SimpleQueue()
        self._patience = read_patience()

    def __enter__(self) -> Self:
        self._ray = _import_ray()
        with ExitStack() as stack:
            stack.enter_context(ray_cluster(self._ray, self.address))
            self._start()
            self._cluster = stack.pop_all()
        return self

    def _start(self) -> None:
        self._actor_class = self._ray.remote(_StepRunner)
        self._observers = Observers(self._ray, self._patience)
        self._progress = self._ray.remote(_ProgressBuffer).options(num_cpus=0, max_restarts=-1).remote()
        self._pending_progress = self._progress.take.remote()

    def __exit__(self, *_: object) -> None:
        with self._cluster:
            for worker in [*self.idle, *self.busy]:
                self._ray.kill(worker.actor)
            self._ray.kill(self._progress)
            self._observers.stop()
            self.idle, self.busy = [], []

    @property
    def width(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def room_for(self, step: Step, running: Collection[Step]) -> bool:
        needs = step.spec.needs
        if not running:
            self._check_possible(step)
        return self._fits([needs, *(other.spec.needs for other in running)])

    def submit(self, step: Step) -> Future[bool]:
        worker, future = self._acquire_actor(step), Future[bool]()
        worker.step, worker.future = step, future
        worker.watch = Watch(self._patience, longest_interval=_LOOK_SECONDS)
        self.busy.append(worker)

        def on_done(done: Future[Any]) -> None:  # runs in a thread of Ray
            error = done.exception()
            self._returned.put((worker, error is None))
            if error is not None:
                set_first_result(future, self._translate_error(error))
            else:
                completed, exception = done.result()
                set_first_result(future, exception or completed)

        worker.actor.work.remote(step, self._progress).future().add_done_callback(on_done)
        return future

    def progress_events(self) -> Iterable[tuple[str, float]]:
        self._collect_returned()
        for worker in list(self.busy):
            self._kill_if_hung(worker)
        # If the cluster has lost nodes, idle actors must not block the start of waiting ones.
        if self.idle and not self._fits(worker.needs for worker in (*self.idle, *self.busy)):
            self._kill_idle()
        ready, _ = self._ray.wait([self._pending_progress], timeout=0)
        if not ready:
            return
        with suppress(self._ray.exceptions.RayError):  # its node was lost; Ray restarts the actor elsewhere
            for key, fraction in self._ray.get(self._pending_progress):
                for worker in self.busy:
                    if worker.step.key == key:
                        worker.watch.sign()
                yield key, fraction
        self._pending_progress = self._progress.take.remote()

    def _kill_if_hung(self, worker: _WorkerActor) -> None:
        """Kill the actor if its step has shown no sign of life for longer than the patience."""
        if not worker.watch.is_due() or (answer := self._observers.read_usage(worker.process)) is None:
            return
        if worker.watch.look(answer.usage):
            self.busy.remove(worker)
            set_first_result(worker.future, LostWorkerError(worker.watch.cause))
            self._ray.kill(worker.actor)

    def _acquire_actor(self, step: Step) -> _WorkerActor:
        """Return an idle actor with the same resources, or stop idle actors and start a new one."""
        self._collect_returned()
        needs = step.spec.needs
        candidates = [worker for worker in self.idle if worker.needs == needs]
        if candidates:
            same_class = (worker for worker in candidates if worker.step.spec.rate_class == step.spec.rate_class)
            worker = next(same_class, candidates[0])
            self.idle.remove(worker)
            return worker
        self._make_room(needs)
        options: dict[str, Any] = {"num_cpus": needs.threads, "num_gpus": needs.gpus, "max_restarts": 0}
        if needs.memory:
            options["memory"] = needs.memory
        actor = self._actor_class.options(**options).remote(self.store.url, str(Path.cwd()), sys.path)
        return _WorkerActor(actor, needs, ActorProcess(actor.locate.remote()))

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
        return StepFailedError(redact_line(f"on Ray: {redact(str(error)).strip().splitlines()[-1]}"))

    def _collect_returned(self) -> None:
        """Mark actors with finished steps as idle. If one was lost, stop all idle ones: their node may be lost too."""
        with suppress(Empty):
            while True:
                worker, alive = self._returned.get_nowait()
                if worker not in self.busy:  # it was killed because it hung
                    continue
                self.busy.remove(worker)
                if alive:
                    self.idle.append(worker)
                else:
                    self._kill_idle()

    def _make_room(self, needs: Resources) -> None:
        """Stop the idle actors that hold room which a new actor needs. The others keep their models."""
        if not self.idle:
            return
        nodes = {node["NodeID"]: node["Resources"] for node in self._ray.nodes() if node["Alive"]}
        busy, idle = (
            [Placed(worker.needs, self._observers.node_of(worker.process)) for worker in workers]
            for workers in (self.busy, self.idle)
        )
        stopped = [self.idle[number] for number in idle_in_the_way(needs, nodes, busy, idle)]
        self.idle = [worker for worker in self.idle if worker not in stopped]
        for worker in stopped:
            self._ray.kill(worker.actor)

    def _kill_idle(self) -> None:
        while self.idle:
            self._ray.kill(self.idle.pop().actor)

    def _fits(self, requested: Iterable[Resources]) -> bool:
        """Whether the cluster in its current size has all these resources."""
        return fits(requested, self._ray.cluster_resources())

    def _check_possible(self, step: Step) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        requested = amounts(step.spec.needs)
        if any(all(node.get(name, 0) >= amount for name, amount in requested.items()) for node in nodes):
            return
        words = ", ".join(f"{amount:g} {name}" for name, amount in requested.items())
        raise StudyError(
            f"{step.label} needs {words} on one node, but no node of the Ray cluster has that much; add such a node"
        )


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
        redact_uncaught_exceptions()
        with suppress(OSError):
            os.chdir(folder)
        sys.path += [path for path in module_paths if path not in sys.path]
        self._url = url
        self._store: Store | None = None

    def locate(self) -> tuple[str, int]:
        """Return the node and the process id."""
        return _import_ray().get_runtime_context().get_node_id(), os.getpid()

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
    if not hasattr(ray._raylet, "AuthenticationTokenLoader"):
        raise StudyError(f"--on ray needs Ray 2.52 or later, not {ray.__version__}; install prettyuseful[ray] again")
    return ray
