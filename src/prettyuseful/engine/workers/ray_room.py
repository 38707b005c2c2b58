"""Which idle actors hold room that another actor needs: the others keep their loaded models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.engine.step import Resources


@dataclass(frozen=True)
class Placed:
    """The resources of an actor, and the id of its node; the id is empty as long as it is not known."""

    needs: Resources
    node: str


def amounts(needs: Resources) -> dict[str, int]:
    """Return the resources by Ray's names, without zeros."""
    named = {"CPU": needs.threads, "GPU": needs.gpus, "memory": needs.memory}
    return {name: amount for name, amount in named.items() if amount}


def fits(requested: Iterable[Resources], available: Mapping[str, float]) -> bool:
    """Whether there are all these resources."""
    total = Counter[str]()
    for needs in requested:
        total.update(amounts(needs))
    return all(amount <= available.get(name, 0) for name, amount in total.items())


def idle_in_the_way(
    needs: Resources, nodes: Mapping[str, Mapping[str, float]], busy: Sequence[Placed], idle: Sequence[Placed]
) -> list[int]:
    """Return which idle actors must be dismissed so that one node has room for another actor, and no more.

    An actor whose node is not known may be on any node, so it counts on all of them. If no node gets room, all idle
    actors are returned: the cluster may be smaller than it was, or shared with others.

    Args:
        needs: of the actor that is started.
        nodes: the resources of each node, by its id.
        busy: the actors that run a step.
        idle: the others; among equals, the first ones are dismissed first.
    """
    ways = (_on_node(needs, node, available, busy, idle) for node, available in nodes.items())
    return min((way for way in ways if way is not None), key=len, default=list(range(len(idle))))


def _on_node(
    needs: Resources, node: str, available: Mapping[str, float], busy: Sequence[Placed], idle: Sequence[Placed]
) -> list[int] | None:
    there = (node, "")

    def has_room(dismissed: Sequence[int]) -> bool:
        left = (placed for number, placed in enumerate(idle) if number not in dismissed)
        return fits([needs, *(placed.needs for placed in (*busy, *left) if placed.node in there)], available)

    dismissed = [number for number, placed in enumerate(idle) if placed.node in there]
    if not has_room(dismissed):
        return None
    for number in reversed(dismissed):  # keep the last ones first
        if has_room(without := [other for other in dismissed if other != number]):
            dismissed = without
    return dismissed
