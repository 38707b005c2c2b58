"""The events that a run reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store


@dataclass(frozen=True)
class RunPlanned:
    """The steps that will run, by key, in order, with up to `workers` at the same time. It is the first event.

    `plan`: all steps that the results are made from, also those in the store. A run that adds steps later, such as a
    full audit, reports another event.
    """

    kind: ClassVar[Literal["planned"]] = "planned"
    steps: Mapping[str, Step]
    workers: int
    store: Store
    plan: Mapping[str, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class StepEvent:
    """A change in the state of a step. `fraction`: finished share (0-1); `cause`: why it failed or is retried."""

    kind: Literal["waiting", "started", "progress", "finished", "failed", "retried", "blocked"]
    step: Step
    fraction: float = 0.0
    cause: str = ""


Event = RunPlanned | StepEvent
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore the event."""
    del event
