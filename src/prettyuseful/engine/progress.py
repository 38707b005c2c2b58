"""How far a run is, and how long the rest will take once there is ground to say so."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from prettyuseful.engine.cost import Pace, Rates, pace_of
from prettyuseful.engine.events import RunPlanned, StepEvent
from prettyuseful.engine.step import Step

_OVERRUN = 1.5  # a step that takes longer than so many times its estimate says that the estimate is no ground


class RunProgress:
    """Steps done of all, and the seconds that are left; fed with the events of a run after its plan.

    Neither the count nor the fraction falls, whatever is added on the way. An estimate rests on measurements only:
    every kind of work that is left must have been timed, in the store or in this run; what this run has timed counts
    before the store, which may have been filled on another machine.
    """

    def __init__(self, planned: RunPlanned, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.workers, self.rates, self.clock = dict(planned.steps), planned.workers, rates, clock
        self.finished: set[str] = set()
        self.running: dict[str, tuple[Step, float]] = {}
        self._fractions: dict[str, float] = {}
        self._fraction = 0.0
        self._again = 0
        self._seconds: dict[Pace, float] = defaultdict(float)
        self._units: dict[Pace, float] = defaultdict(float)

    def extend(self, planned: RunPlanned, rates: Rates) -> None:
        """A further run goes on where this one has ended; what is done stays done."""
        for key, step in planned.steps.items():
            self._add(key, step)
        self.workers, self.rates = planned.workers, rates

    def take(self, event: StepEvent) -> None:
        """What has happened to a step."""
        key, step = event.step.key, event.step
        if event.kind == "waiting":
            self._add(key, step)
        elif event.kind == "started":
            self.running[key] = (step, self.clock())
            self._fractions.pop(key, None)
        elif event.kind == "progress":
            if key in self.running:  # not the last word of a worker that is gone
                self._fractions[key] = event.fraction
        else:
            _, since = self.running.pop(key, (step, None))
            self._fractions.pop(key, None)
            if event.kind == "finished" and since is not None:
                self._seconds[pace_of(step.spec)] += self.clock() - since
                self._units[pace_of(step.spec)] += step.units
            if event.kind in ("finished", "failed", "blocked"):
                self.finished.add(key)

    @property
    def done(self) -> int:
        """Steps that are made, have failed, or cannot be made."""
        return len(self.finished) + self._again

    @property
    def total(self) -> int:
        """Steps there are; one that has to be made again counts twice."""
        return len(self.steps) + self._again

    @property
    def fraction(self) -> float:
        """Share of the steps that is done, 0-1, with what is done of those that run; it never falls."""
        done = self.done + sum(min(1.0, part) for key, part in self._fractions.items() if key not in self.finished)
        self._fraction = max(self._fraction, done / self.total if self.total else 1.0)
        return self._fraction

    def seconds_left(self) -> float | None:
        """Wall time until all is done; None while there is no ground for an estimate."""
        if self.total == self.done:
            return 0.0
        parts = [self._left(key, step) for key, step in self.steps.items() if key not in self.finished]
        return None if None in parts else _sum(parts) / min(self.workers, len(parts))

    def _add(self, key: str, step: Step) -> None:
        self.steps.setdefault(key, step)
        if key in self.finished:
            self.finished.remove(key)
            self._again += 1

    def _left(self, key: str, step: Step) -> float | None:
        whole = self._estimate(step)
        if key not in self.running:
            return whole
        spent, fraction = self.clock() - self.running[key][1], self._fractions.get(key, 0.0)
        if fraction > 0:
            return spent * (1 - fraction) / fraction
        if whole is None or spent > _OVERRUN * whole + 1:
            return None
        return max(0.0, whole - spent)

    def _estimate(self, step: Step) -> float | None:
        pace = pace_of(step.spec)
        if self._units.get(pace):
            return step.units * self._seconds[pace] / self._units[pace]
        return self.rates.seconds(step) if self.rates.measured(step) else None


def _sum(parts: Iterable[float | None]) -> float:
    return sum(part for part in parts if part is not None)
