"""Questions about actors are asked to observers on their nodes; a real cluster is in test_ray.py."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from prettyuseful.engine.workers.life import Usage
from prettyuseful.engine.workers.ray_observers import ActorProcess, Answer, Observers


class RayError(Exception):
    pass


class Reference:
    """A result that is there at once, later (`ready` is set), or never because its actor was lost."""

    def __init__(self, value: Any, ready: bool = True) -> None:
        self.value, self.ready = value, ready


class Ray:
    """Runs actors in this process."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.killed: list[Any] = []
        self.error: RayError | None = None
        self.answers_at_once = True

    def remote(self, kind: type) -> Any:
        def options(num_cpus: int, scheduling_strategy: Any) -> Any:
            assert (num_cpus, scheduling_strategy.soft) == (0, False)
            self.nodes.append(scheduling_strategy.node_id)
            actor = kind()
            ask = lambda pid: Reference(self.error or actor.read_usage(pid), self.answers_at_once)  # noqa: E731
            handle = SimpleNamespace(read_usage=SimpleNamespace(remote=ask))
            return SimpleNamespace(remote=lambda: handle)

        return SimpleNamespace(options=options)

    def wait(self, references: list[Reference], timeout: float) -> tuple[list[Reference], list[Reference]]:
        assert timeout == 0
        return [r for r in references if r.ready], [r for r in references if not r.ready]

    def get(self, reference: Reference) -> Any:
        if isinstance(reference.value, Exception):
            raise reference.value
        return reference.value

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


NODE = "0" * 56


@pytest.fixture
def ray() -> Ray:
    pytest.importorskip("ray")
    return Ray()


def process(pid: int | None = None, node: str = NODE, ready: bool = True) -> ActorProcess:
    return ActorProcess(Reference((node, pid or os.getpid()), ready))


def test_nothing_is_asked_before_the_actor_has_started(ray: Ray) -> None:
    starting = process(ready=False)
    observers = Observers(ray, 10)
    assert observers.read_usage(starting) is None
    assert ray.nodes == []
    starting.location.ready = True
    answer = observers.read_usage(starting)
    assert answer is not None
    assert isinstance(answer.usage, Usage)


def test_a_node_has_one_observer(ray: Ray) -> None:
    observers = Observers(ray, 10)
    for asked in (process(), process(), process(node="1" * 56)):
        assert observers.read_usage(asked) is not None
    assert ray.nodes == [NODE, "1" * 56]
    observers.stop()
    assert len(ray.killed) == 2


def test_process_that_the_node_does_not_know_is_answered(ray: Ray) -> None:
    assert Observers(ray, 10).read_usage(process(pid=2**22 + 1)) == Answer(None)


def test_lost_observer_is_replaced(ray: Ray) -> None:
    observers, asked = Observers(ray, 10), process()
    ray.error = RayError()
    assert observers.read_usage(asked) is None
    ray.error = None
    assert observers.read_usage(asked) is not None
    assert len(ray.nodes) == 2


def test_observer_that_hangs_is_replaced(ray: Ray) -> None:
    observers, asked = Observers(ray, 0.0), process()
    ray.answers_at_once = False
    assert observers.read_usage(asked) is None
    assert len(ray.killed) == 1, "it did not answer within the patience"
    ray.answers_at_once = True
    assert observers.read_usage(asked) is not None
