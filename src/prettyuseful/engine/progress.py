"""Progress of a run and the estimated remaining time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from prettyuseful.engine.cost import RateKey, Rates, rate_key
from prettyuseful.engine.events import RunPlanned, StepEvent
from prettyuseful.engine.step import Step

_OVERRUN = 1.5  # if a step takes longer than this multiple of its estimate, the estimate is discarded


class RunProgress:
    """Counts finished steps and estimates the remaining seconds from the events of a run.

    The counts and the fraction never decrease, even if steps are added. The estimate uses measurements only: every rate
    class of the remaining steps must have been timed, in this run or in the store. Times of this run take precedence,
    because the store may come from another machine.
    """

    def __init__(self, planned: RunPlanned, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.workers, self.rates, self.clock = dict(planned.steps), planned.workers, rates, clock
        self.finished: set[str] = set()
        self.running: dict[str, tuple[Step, float]] = {}
        self._fractions: dict[str, float] = {}
        self._fraction = 0.0
        self._repeated = 0
        self._seconds: dict[RateKey, float] = defaultdict(float)
        self._units: dict[RateKey, float] = defaultdict(float)

    def extend(self, planned: RunPlanned, rates: Rates) -> None:
        """Add the steps of another run; finished steps stay counted."""
        for key, step in planned.steps.items():
            self._add(key, step)
        self.workers, self.rates = planned.workers, rates

    def update(self, event: StepEvent) -> None:
        """Update the progress with an event."""
        key, step = event.step.key, event.step
        if event.kind == "waiting":
            self._add(key, step)
        elif event.kind == "started":
            self.running[key] = (step, self.clock())
            self._fractions.pop(key, None)
        elif event.kind == "progress":
            if key in self.running:  # ignore late events of lost workers
                self._fractions[key] = event.fraction
        else:
            _, since = self.running.pop(key, (step, None))
            self._fractions.pop(key, None)
            if event.kind == "finished" and since is not None:
                self._seconds[rate_key(step.spec)] += self.clock() - since
                self._units[rate_key(step.spec)] += step.units
            if event.kind in ("finished", "failed", "blocked"):
                self.finished.add(key)

    @property
    def done(self) -> int:
        """Number of steps that are finished, failed or blocked."""
        return len(self.finished) + self._repeated

    @property
    def total(self) -> int:
        """Number of all steps; a repeated step counts twice."""
        return len(self.steps) + self._repeated

    @property
    def fraction(self) -> float:
        """Finished share of the steps, 0-1, including parts of running steps; it never decreases."""
        done = self.done + sum(min(1.0, part) for key, part in self._fractions.items() if key not in self.finished)
        self._fraction = max(self._fraction, done / self.total if self.total else 1.0)
        return self._fraction

    def seconds_left(self) -> float | None:
        """Return the estimated wall time until the end, in seconds; None if a rate class has no measurement."""
        if self.total == self.done:
            return 0.0
        parts = [self._remaining_seconds(key, step) for key, step in self.steps.items() if key not in self.finished]
        return None if None in parts else _sum(parts) / min(self.workers, len(parts))

    def _add(self, key: str, step: Step) -> None:
        self.steps.setdefault(key, step)
        if key in self.finished:
            self.finished.remove(key)
            self._repeated += 1

    def _remaining_seconds(self, key: str, step: Step) -> float | None:
        total_seconds = self._estimate(step)
        if key not in self.running:
            return total_seconds
        spent, fraction = self.clock() - self.running[key][1], self._fractions.get(key, 0.0)
        if fraction > 0:
            return spent * (1 - fraction) / fraction
        if total_seconds is None or spent > _OVERRUN * total_seconds + 1:
            return None
        return max(0.0, total_seconds - spent)

    def _estimate(self, step: Step) -> float | None:
        pace = rate_key(step.spec)
        if self._units.get(pace):
            return step.units * self._seconds[pace] / self._units[pace]
        return self.rates.seconds(step) if self.rates.measured(step) else None


def _sum(parts: Iterable[float | None]) -> float:
    return sum(part for part in parts if part is not None)
