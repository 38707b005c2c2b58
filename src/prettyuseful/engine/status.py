"""The status of a study, read from the store alone, so that it works on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store


@dataclass(frozen=True)
class KindStatus:
    """Numbers of steps of one kind. `waiting`: neither done nor running nor failed."""

    kind: str
    steps: int
    done: int
    running: int
    failed: int
    waiting: int


@dataclass(frozen=True)
class Status:
    """The status of a plan. `running`: labels of steps; `failed`: causes of the last attempts by label."""

    kinds: tuple[KindStatus, ...]
    running: tuple[str, ...]
    failed: Mapping[str, str]


def status_of(steps: Mapping[str, Step], todo: Mapping[str, Step], store: Store) -> Status:
    """Return the status of a plan's `steps`, of which `todo` are unfinished."""
    running = store.claimed_keys() & todo.keys()
    failed = {key: cause for key, cause in store.failures().items() if key in todo and key not in running}
    kinds = []
    for kind in dict.fromkeys(step.spec.kind for step in steps.values()):
        of_kind = {key for key, step in steps.items() if step.spec.kind == kind}
        left = of_kind & todo.keys()
        counts = len(of_kind & running), len(of_kind & failed.keys())
        kinds.append(KindStatus(kind, len(of_kind), len(of_kind) - len(left), *counts, len(left) - sum(counts)))
    return Status(
        kinds=tuple(kinds),
        running=tuple(step.label for key, step in todo.items() if key in running),
        failed={todo[key].label: cause for key, cause in failed.items()},
    )
