"""What steps will cost, from the rates of steps that are already in a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from prettyuseful.steps.base import Step
from prettyuseful.store.base import Manifest

_START_UP = 8.0  # seconds until the workers have loaded what they need
# Seconds per unit on two slow cores, for a store that has measured nothing yet. By the first word of the rate class.
_ASSUMED = {
    "load": 0.0006,
    "caption": 0.0006,
    "prompt": 0.01,
    "encode": 0.02,
    "generate": 0.03,
    "collect": 0.00002,
    "import": 0.002,
    "mix": 0.0005,
    "change": 0.002,
    "drop": 0.0005,
    "sample": 0.5,
    "decode": 0.0003,
    "probe": 0.002,
    "train": 0.0006,
    "evaluate": 0.0005,
    "alike": 0.001,
    "embed": 0.0005,
    "measure": 0.0003,
    "half": 0.0005,
    "try": 0.06,
    "diagnose": 0.005,
}
_BY_MODEL = ("generate", "encode", "caption", "train", "embed", "embed-text")
_OWN_MODELS = (
    "pocket-",
    "describer",
    "small 32 px",
    "real-trained",
)  # what an assumption can be made of; other models' pace nobody knows beforehand


class Rates:
    """Seconds per unit of work, by rate class: the median of what manifests say, or an assumption."""

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        found: dict[str, list[float]] = defaultdict(list)
        for manifest in manifests:
            if manifest.units > 0:
                found[manifest.rate_class].append(manifest.seconds / manifest.units)
        self._measured = {name: median(values) for name, values in found.items()}

    def seconds(self, step: Step) -> float | None:
        """What a step takes on one worker; None for a model that nobody has timed here."""
        if (rate := self._measured.get(step.spec.rate_class)) is None:
            model = step.spec.rate_class.removeprefix(f"{step.spec.kind} ")
            if step.spec.kind in _BY_MODEL and not model.startswith(_OWN_MODELS):
                return None
            rate = _ASSUMED[step.spec.kind]
        return step.units * rate

    def measured(self, step: Step) -> bool:
        return step.spec.rate_class in self._measured

    def learn(self, step: Step, seconds: float) -> None:
        """Takes over what a step has just taken."""
        if step.units > 0:
            self._measured[step.spec.rate_class] = seconds / step.units


@dataclass(frozen=True)
class KindCost:
    """Steps of one kind: how many, how many of them are left, and what those take in seconds on one worker.

    `measured` says whether the rate comes from the store; otherwise it is an assumption for two slow cores. `unknown`
    are the steps whose time nobody can say: they are not in `seconds`.
    """

    kind: str
    steps: int
    left: int
    seconds: float
    measured: bool
    unknown: int


@dataclass(frozen=True)
class Cost:
    """What a plan still costs. `seconds` is wall time on `workers` side by side."""

    kinds: tuple[KindCost, ...]
    steps: int
    left: int
    seconds: float
    workers: int


def cost_of(steps: Mapping[str, Step], todo: Mapping[str, Step], rates: Rates, workers: int) -> Cost:
    """The cost of the steps `todo` of a plan's `steps`."""
    kinds = []
    for kind in dict.fromkeys(step.spec.kind for step in steps.values()):
        left = [step for step in todo.values() if step.spec.kind == kind]
        kinds.append(
            KindCost(
                kind=kind,
                steps=sum(step.spec.kind == kind for step in steps.values()),
                left=len(left),
                seconds=round(sum(rates.seconds(step) or 0.0 for step in left), 1),
                measured=all(rates.measured(step) for step in left),
                unknown=sum(rates.seconds(step) is None for step in left),
            )
        )
    seconds = round((_START_UP if todo else 0.0) + sum(kind.seconds for kind in kinds) / workers, 1)
    return Cost(tuple(kinds), len(steps), len(todo), seconds, workers)


def clock(seconds: float) -> str:
    """`12 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
