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


def make(run: RunProgress, step: Step, clock: Clock, seconds: float) -> None:
    run.take(StepEvent("started", step))
    clock.now += seconds
    run.take(StepEvent("finished", step, 1.0))


def manifest(seconds: float) -> Manifest:
    content = {"key": "k", "step": "sample", "version": 1, "spec": {}, "inputs": {}, "files": [], "facts": {}}
    made = {"environment": {}, "created": "", "seconds": seconds, "units": 1.0, "rate_class": "sample"}
    return Manifest.model_validate({**content, **made})


def test_an_assumption_is_no_ground_for_an_estimate(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), sample("c")]
    run = progress(steps, clock, tmp_path)
    assert run.seconds_left() is None
    make(run, steps[0], clock, 30)
    assert (run.done, run.total, run.seconds_left()) == (1, 3, 60)


def test_an_estimate_needs_every_kind_of_work_that_is_left(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), mix("c")]
    run = progress(steps, clock, tmp_path)
    make(run, steps[0], clock, 30)
    assert run.seconds_left() is None
    make(run, steps[2], clock, 5)
    assert run.seconds_left() == 30


def test_what_this_run_has_timed_counts_before_the_store(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b"), sample("c")]
    run = progress(steps, clock, tmp_path, rates=Rates([manifest(1.0)]))
    assert run.seconds_left() == 3
    make(run, steps[0], clock, 100)
    assert run.seconds_left() == 200


def test_a_step_that_overruns_takes_the_ground_away(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path, rates=Rates([manifest(3.0)]))
    run.take(StepEvent("started", steps[0]))
    clock.now += 2
    assert run.seconds_left() == 1 + 3
    clock.now += 60
    assert run.seconds_left() is None
    run.take(StepEvent("progress", steps[0], 0.5))
    assert run.seconds_left() == 62 + 3


def test_steps_side_by_side_share_what_is_left(clock: Clock, tmp_path: Path) -> None:
    rates = Rates([manifest(10.0)])
    assert progress([sample(n) for n in "abcd"], clock, tmp_path, workers=2, rates=rates).seconds_left() == 20
    assert progress([sample("a")], clock, tmp_path, workers=2, rates=rates).seconds_left() == 10


def test_the_fraction_never_falls(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path)
    make(run, steps[0], clock, 1)
    assert run.fraction == 0.5
    run.take(StepEvent("waiting", sample("lost")))  # an input that has to be made again
    run.take(StepEvent("waiting", steps[0]))
    assert (run.done, run.total, run.fraction) == (1, 4, 0.5)
    make(run, steps[0], clock, 1)
    assert (run.done, run.total) == (2, 4)


def test_a_further_run_goes_on_where_the_first_has_ended(clock: Clock, tmp_path: Path) -> None:
    run = progress([sample("a")], clock, tmp_path)
    make(run, sample("a"), clock, 1)
    assert (run.done, run.total, run.fraction) == (1, 1, 1.0)
    further = {step.key: step for step in (sample("a"), sample("b"))}
    run.extend(RunPlanned(further, 2, LocalStore(tmp_path / "store")), Rates())
    assert (run.done, run.total, run.fraction, run.workers) == (1, 3, 1.0, 2)
    assert run.seconds_left() == 1.0
    make(run, sample("a"), clock, 1)
    make(run, sample("b"), clock, 1)
    assert (run.done, run.total, run.seconds_left()) == (3, 3, 0.0)


def test_the_last_word_of_a_worker_that_is_gone_is_no_progress(clock: Clock, tmp_path: Path) -> None:
    step = sample("a")
    run = progress([step], clock, tmp_path)
    for kind in ("started", "retried", "progress", "started"):
        run.take(StepEvent(kind, step, 0.9))
    clock.now += 1
    assert (run.fraction, run.seconds_left()) == (0.0, None)


def test_failed_and_blocked_steps_are_done_with(clock: Clock, tmp_path: Path) -> None:
    steps = [sample("a"), sample("b")]
    run = progress(steps, clock, tmp_path)
    run.take(StepEvent("started", steps[0]))
    run.take(StepEvent("failed", steps[0], cause="no luck"))
    run.take(StepEvent("blocked", steps[1], cause="needs a"))
    assert (run.done, run.fraction, run.seconds_left()) == (2, 1.0, 0.0)
