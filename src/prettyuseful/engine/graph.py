"""The graph of steps that a plan builds; equal steps are added once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prettyuseful.engine.step import Step, StepSpec


@dataclass
class Graph:
    """Steps by key, each one after its inputs."""

    steps: dict[str, Step] = field(default_factory=dict)

    def add(
        self,
        spec: StepSpec,
        inputs: Mapping[str, str],
        label: str,
        units: float,
        names: Mapping[str, str] | None = None,
    ) -> str:
        """Add the step unless the graph has it, and return its key. See `Step` for the parameters."""
        step = Step(spec, dict(inputs), label, units, names)
        self.steps.setdefault(step.key, step)
        return step.key

    def units(self, key: str) -> float:
        """Return the units of work of a step; for a step that makes a data set, its number of images."""
        return self.steps[key].units
