"""Actors that tell, on each node of a Ray cluster, what the processes of other actors have used."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prettyuseful.engine.workers.life import Usage, read_usage


@dataclass(eq=False)
class ActorProcess:
    """The process of an actor. `location` refers to its node and process id, which are known when it has started."""

    location: Any
    node: str = ""
    pid: int = 0
    question: Any = None
    asked: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a process has used; None if its node cannot say."""

    usage: Usage | None


class Observers:
    """One observer on every node with a process that somebody asks about.

    An actor is not asked itself: one that computes might not answer, and one that hangs might.
    """

    def __init__(self, ray: Any, patience: float) -> None:
        self._ray, self._patience = ray, patience
        self._by_node: dict[str, Any] = {}

    def read_usage(self, process: ActorProcess) -> Answer | None:
        """Return the answer of the observer, or None as long as there is none. It is called again until there is."""
        if not self.node_of(process):
            return None
        try:
            if process.question is None:
                process.question = self._observer(process.node).read_usage.remote(process.pid)
                process.asked = time.monotonic()
            if self._is_ready(process.question):
                usage = self._ray.get(process.question)
                process.question = None
                return Answer(usage)
        except self._ray.exceptions.RayError:  # the process or the node is lost, which Ray reports by itself
            self._forget(process)
        if process.question is not None and time.monotonic() - process.asked > self._patience:
            self._forget(process)  # the observer hangs
        return None

    def node_of(self, process: ActorProcess) -> str:
        """Return the id of the node of a process; empty as long as it is not known."""
        with suppress(self._ray.exceptions.RayError):  # it is lost, which Ray reports by itself
            if not process.node and self._is_ready(process.location):
                process.node, process.pid = self._ray.get(process.location)
        return process.node

    def stop(self) -> None:
        for node in list(self._by_node):
            self._kill(node)

    def _is_ready(self, reference: Any) -> bool:
        return bool(self._ray.wait([reference], timeout=0)[0])

    def _observer(self, node: str) -> Any:
        if node not in self._by_node:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            there = NodeAffinitySchedulingStrategy(node, soft=False)
            actor_class = self._ray.remote(_Observer).options(num_cpus=0, scheduling_strategy=there)
            self._by_node[node] = actor_class.remote()
        return self._by_node[node]

    def _forget(self, process: ActorProcess) -> None:
        process.question = None
        self._kill(process.node)

    def _kill(self, node: str) -> None:
        if (observer := self._by_node.pop(node, None)) is not None:
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(observer)


class _Observer:
    """The actor class."""

    def read_usage(self, pid: int) -> Usage | None:
        return read_usage(pid)
