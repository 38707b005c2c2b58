"""Workers on a Ray cluster: actors that keep what they have loaded, as many as the cluster has room for."""

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

_LOST = "its Ray worker or the node of it is gone (killed, or out of memory)"


@dataclass(eq=False)
class _Hand:
    """An actor with what it takes of the cluster and the kind of step that it did last."""

    actor: Any
    needs: Resources
    rate_class: str


class RayWorkers:
    """Actors on the cluster at `address`: `ray` (RAY_ADDRESS, a running cluster of this machine, or a new one here) or
    `ray://host:port`. See `workers.base.Workers`.

    A step goes to an idle actor that asks for the same resources, to one that did its like last if there is one: the
    pipeline is still loaded there. Ray gives an actor as many OpenMP threads as it has CPUs, which are the key's.

    Raises:
        StudyError: Ray is not installed, or no cluster answers.
    """

    crash_kills_siblings = False

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address
        self.idle: list[_Hand] = []
        self.busy: list[_Hand] = []
        self._returned: SimpleQueue[tuple[_Hand, bool]] = SimpleQueue()
        self._own = False

    def __enter__(self) -> Self:
        self._ray = _import_ray()
        if not self._ray.is_initialized():
            address = None if self.address == "ray" else self.address
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            try:
                self._ray.init(address, log_to_driver=False, logging_level="ERROR")
            except Exception as error:
                raise StudyError(
                    f"--on {self.address}: no Ray cluster answers ({type(error).__name__}); start one with "
                    "`ray start`, or name another address"
                ) from error
            self._own = True
        self._actor = self._ray.remote(_Worker)
        self._board = self._ray.remote(_Board).options(num_cpus=0, max_restarts=-1).remote()
        self._asked = self._board.take.remote()
        return self

    def __exit__(self, *_: object) -> None:
        for hand in [*self.idle, *self.busy]:
            self._ray.kill(hand.actor)
        self._ray.kill(self._board)
        self.idle, self.busy = [], []
        if self._own:
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
        hand = self._hand(step)
        self.busy.append(hand)

        def settle(done: Future[Any]) -> None:  # on a thread of Ray's
            error = done.exception()
            self._returned.put((hand, error is None))
            if error is not None:
                future.set_exception(self._told(error))
                return
            made, raised = done.result()
            if raised is not None:
                future.set_exception(raised)
            else:
                future.set_result(made)

        hand.actor.work.remote(step, self._board).future().add_done_callback(settle)
        return future

    def progress_events(self) -> Iterable[tuple[str, float]]:
        self._take_back()
        # The cluster has shrunk: an idle actor must not hold what one that waits to start was promised.
        if self.idle and not self._fits(hand.needs for hand in (*self.idle, *self.busy)):
            self._dismiss()
        ready, _ = self._ray.wait([self._asked], timeout=0)
        if not ready:
            return
        with suppress(self._ray.exceptions.RayError):  # the board was lost with its node, and comes back elsewhere
            yield from self._ray.get(self._asked)
        self._asked = self._board.take.remote()

    def _hand(self, step: Step) -> _Hand:
        """An idle actor, or a new one for which another idle one makes room."""
        self._take_back()
        needs = step.spec.needs
        like = [hand for hand in self.idle if hand.needs == needs]
        if like:
            hand = next((hand for hand in like if hand.rate_class == step.spec.rate_class), like[0])
            self.idle.remove(hand)
            hand.rate_class = step.spec.rate_class
            return hand
        self._dismiss()  # they hold resources that another step needs otherwise
        options: dict[str, Any] = {"num_cpus": needs.threads, "num_gpus": needs.gpus, "max_restarts": 0}
        if needs.memory:
            options["memory"] = needs.memory
        return _Hand(
            self._actor.options(**options).remote(self.store.url, str(Path.cwd()), sys.path),
            needs,
            step.spec.rate_class,
        )

    def _told(self, error: BaseException) -> PrettyUsefulError:
        """A lost worker is told from what Ray itself cannot do, such as to load a class that is not installed there."""
        known = self._ray.exceptions
        gone = (known.RayActorError, known.WorkerCrashedError, known.NodeDiedError, known.OutOfMemoryError)
        if isinstance(error, (*gone, known.ObjectLostError)) and not isinstance(error, known.ActorUnschedulableError):
            return LostWorkerError(_LOST)
        return StepFailedError(one_line(f"on Ray: {str(error).strip().splitlines()[-1]}"))

    def _take_back(self) -> None:
        """Actors that have ended their step are idle. If one was lost, so may be the idle ones of its node: all go."""
        with suppress(Empty):
            while True:
                hand, alive = self._returned.get_nowait()
                self.busy.remove(hand)
                if alive:
                    self.idle.append(hand)
                else:
                    self._dismiss()

    def _dismiss(self) -> None:
        while self.idle:
            self._ray.kill(self.idle.pop().actor)

    def _fits(self, asked: Iterable[Resources]) -> bool:
        """Whether the cluster, as large as it is now, has all of it."""
        whole, total = self._ray.cluster_resources(), Counter[str]()
        for needs in asked:
            total.update(_amounts(needs))
        return all(amount <= whole.get(name, 0) for name, amount in total.items())

    def _check_possible(self, step: Step) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        asked = _amounts(step.spec.needs)
        if any(all(node.get(name, 0) >= amount for name, amount in asked.items()) for node in nodes):
            return
        words = ", ".join(f"{amount:g} {name}" for name, amount in asked.items())
        raise StudyError(f"{step.label} needs {words} on one node, and no node of the Ray cluster has as much; add one")


def _amounts(needs: Resources) -> dict[str, int]:
    """By Ray's names; what is not needed is left out."""
    amounts = {"CPU": needs.threads, "GPU": needs.gpus, "memory": needs.memory}
    return {name: amount for name, amount in amounts.items() if amount}


class _Board:
    """Where workers say how far they are."""

    def __init__(self) -> None:
        self._news: dict[str, float] = {}

    def put(self, key: str, fraction: float) -> None:
        self._news[key] = fraction

    def take(self) -> list[tuple[str, float]]:
        news, self._news = list(self._news.items()), {}
        return news


class _Worker:
    """One process with one store."""

    def __init__(self, url: str, folder: str, search: list[str]) -> None:
        """Stands where the driver stands, as far as this machine has it: studies name files and classes from there."""
        with suppress(OSError):
            os.chdir(folder)
        sys.path += [path for path in search if path not in sys.path]
        self._url = url
        self._store: Store | None = None

    def work(self, step: Step, board: Any) -> tuple[bool, PrettyUsefulError | None]:
        """What a step raises is returned: Ray would wrap it in a traceback."""
        try:
            self._store = self._store or open_store(self._url)
            return run_step(step, self._store, _teller(step.key, board)) is not None, None
        except PrettyUsefulError as error:
            return False, error


def _teller(key: str, board: Any) -> Callable[[float], None]:
    return lambda fraction: board.put.remote(key, fraction)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise StudyError("--on ray needs Ray; install prettyuseful[ray]") from None
    return ray
