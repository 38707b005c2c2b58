"""What a run says while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store


@dataclass(frozen=True)
class RunPlanned:
    """The steps that are about to be run, by key, in order; `workers` of them side by side. Comes first.

    A run that grows on its way, such as a full audit, says so with another one.
    """

    kind: ClassVar[Literal["planned"]] = "planned"
    steps: Mapping[str, Step]
    workers: int
    store: Store


@dataclass(frozen=True)
class StepEvent:
    """What happened to a step. `fraction` of it is done (0-1); `cause` says why it failed or is done again."""

    kind: Literal["waiting", "started", "progress", "finished", "failed", "retried", "blocked"]
    step: Step
    fraction: float = 0.0
    cause: str = ""


Event = RunPlanned | StepEvent
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listens to nothing."""
    del event
