"""The graph of a study's steps while it is being planned: nothing is in it twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prettyuseful.engine.step import Step, StepSpec


@dataclass
class Graph:
    """Steps by key, every one after those it needs."""

    steps: dict[str, Step] = field(default_factory=dict)

    def add(self, spec: StepSpec, inputs: Mapping[str, str], label: str, units: float) -> str:
        """The key of the step, which is added unless it is there."""
        step = Step(spec, dict(inputs), label, units)
        self.steps.setdefault(step.key, step)
        return step.key

    def units(self, key: str) -> float:
        """The work of a step; of one that makes a data set, its images."""
        return self.steps[key].units
