"""How far a study is: read from the store alone, so that any machine can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store


@dataclass(frozen=True)
class KindStatus:
    """Steps of one kind, counted. `waiting`: neither done nor running nor failed."""

    kind: str
    steps: int
    done: int
    running: int
    failed: int
    waiting: int


@dataclass(frozen=True)
class Status:
    """`running` are labels; `failed` are causes by label: of the last attempt, until the step is made."""

    kinds: tuple[KindStatus, ...]
    running: tuple[str, ...]
    failed: Mapping[str, str]


def status_of(steps: Mapping[str, Step], todo: Mapping[str, Step], store: Store) -> Status:
    """The status of a plan's `steps`, of which `todo` are still to be made."""
    running = store.claimed() & todo.keys()
    failed = {key: cause for key, cause in store.failures().items() if key in todo and key not in running}
    kinds = []
    for kind in dict.fromkeys(step.spec.kind for step in steps.values()):
        own = {key for key, step in steps.items() if step.spec.kind == kind}
        left = own & todo.keys()
        counts = len(own & running), len(own & failed.keys())
        kinds.append(KindStatus(kind, len(own), len(own) - len(left), *counts, len(left) - sum(counts)))
    return Status(
        kinds=tuple(kinds),
        running=tuple(step.label for key, step in todo.items() if key in running),
        failed={todo[key].label: cause for key, cause in failed.items()},
    )
