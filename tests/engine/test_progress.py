from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.engine.cost import Rates
from prettyuseful.engine.events import RunPlanned, StepEvent
from prettyuseful.engine.progress import RunProgress
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Manifest
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.steps.datasets import MixSpec, SampleSpec


def sample(name: str, units: float = 1.0) -> Step:
    return Step(SampleSpec(per_class=1), {"dataset": name}, name, units)


def mix(name: str) -> Step:
    return Step(MixSpec(parts=((name, 1),)), {}, name, 1.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def progress(
    steps: list[Step], clock: Clock, folder: Path, workers: int = 1, rates: Rates | None = None
) -> RunProgress:
    planned = RunPlanned({step.key: step for step in steps}, workers, LocalStore(folder / "store"))
    return RunProgress(planned, rates or Rates(), clock)


def finish_step(run: RunProgress, step: Step, clock: Clock, seconds: float) -> None:
    run.update(StepEvent("started", step))
    clock.now += seconds
    run.update(StepEvent("finished", step, 1.0))


def manifest(seconds: float) -> Manifest:
    content = {"key": "a" * 64, "step": "sample", "version": 1, "spec": {}, "inputs": {}, "files": [], "facts": {}}
    run = {"environment": {}, "created": "", "seconds": seconds, "units": 1.0, "rate_class": "sample"}
    return Manifest.model_validate({**content, **run})


def test_assumed_rates_give_no_estimate(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), sample("c")]
    run = progress(steps, clock, tmp_path)
    assert run.seconds_left() is None
    finish_step(run, steps[0], clock, 30)
    assert (run.done, run.total, run.seconds_left()) == (1, 3, 60)


def test_estimate_needs_every_remaining_rate_class(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), mix("c")]
    run = progress(steps, clock, tmp_path)
    finish_step(run, steps[0], clock, 30)
    assert run.seconds_left() is None
    finish_step(run, steps[2], clock, 5)
    assert run.seconds_left() == 30


def test_times_of_this_run_take_precedence(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), sample("c")]
    run = progress(steps, clock, tmp_path, rates=Rates([manifest(1.0)]))
    assert run.seconds_left() == 3
    finish_step(run, steps[0], clock, 100)
    assert run.seconds_left() == 200


def test_overrunning_step_discards_the_estimate(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path, rates=Rates([manifest(3.0)]))
    run.update(StepEvent("started", steps[0]))
    clock.now += 2
    assert run.seconds_left() == 1 + 3
    clock.now += 60
    assert run.seconds_left() is None
    run.update(StepEvent("progress", steps[0], 0.5))
    assert run.seconds_left() == 62 + 3


def test_parallel_workers_share_the_remaining_time(clock: Clock, tmp_path: Path) -> None:
    rates = Rates([manifest(10.0)])
    assert progress([sample(n) for n in "abcd"], clock, tmp_path, workers=2, rates=rates).seconds_left() == 20
    assert progress([sample("a")], clock, tmp_path, workers=2, rates=rates).seconds_left() == 10


def test_fraction_never_decreases(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path)
    finish_step(run, steps[0], clock, 1)
    assert run.fraction == 0.5
    run.update(StepEvent("waiting", sample("lost")))  # a lost input must be made again
    run.update(StepEvent("waiting", steps[0]))
    assert (run.done, run.total, run.fraction) == (1, 4, 0.5)
    finish_step(run, steps[0], clock, 1)
    assert (run.done, run.total) == (2, 4)


def test_another_run_extends_the_progress(clock: Clock, tmp_path: Path) -> None:
    run = progress([sample("a")], clock, tmp_path)
    finish_step(run, sample("a"), clock, 1)
    assert (run.done, run.total, run.fraction) == (1, 1, 1.0)
    further = {step.key: step for step in (sample("a"), sample("b"))}
    run.extend(RunPlanned(further, 2, LocalStore(tmp_path / "store")), Rates())
    assert (run.done, run.total, run.fraction, run.workers) == (1, 3, 1.0, 2)
    assert run.seconds_left() == 1.0
    finish_step(run, sample("a"), clock, 1)
    finish_step(run, sample("b"), clock, 1)
    assert (run.done, run.total, run.seconds_left()) == (3, 3, 0.0)


def test_late_events_of_lost_workers_are_ignored(clock: Clock, tmp_path: Path) -> None:
    step = sample("a")
    run = progress([step], clock, tmp_path)
    for kind in ("started", "retried", "progress", "started"):
        run.update(StepEvent(kind, step, 0.9))
    clock.now += 1
    assert (run.fraction, run.seconds_left()) == (0.0, None)


def test_failed_and_blocked_steps_count_as_done(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path)
    run.update(StepEvent("started", steps[0]))
    run.update(StepEvent("failed", steps[0], cause="no luck"))
    run.update(StepEvent("blocked", steps[1], cause="needs a"))
    assert (run.done, run.fraction, run.seconds_left()) == (2, 1.0, 0.0)
