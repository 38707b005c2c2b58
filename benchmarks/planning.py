"""Measure time and memory of planning 100,000 steps, and the executor's overhead: `python benchmarks/planning.py`.

The study uses the embedded task: data sets of the pocket generators with several seeds and settings, four small
architectures, probes, and enough training seeds for the number of steps. Planning is measured in a separate process
without the imports. The same process measures how long an empty store and a full store need to report the remaining
steps. The overhead of the executor is the time of `execute` for steps that do nothing, minus the time of `run_step`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import yaml

from prettyuseful.engine.execute import execute
from prettyuseful.engine.step import Job, Step, StepSpec, manifest_of, run_step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.reading import parse_study

_GENERATORS = ("pocket-base", "pocket-curated", "pocket-random", "pocket-turbo")
_GUIDANCES = (1.0, 2.5)
_DRAWS = 5  # of each generator and guidance
_ARCHITECTURES = ("small", "bagnet9", "bagnet17", "bagnet33")
_PROBES = ("rgb", "edges", "low-pass", "high-pass")


def study_text(steps: int) -> str:
    """Return a study, as YAML, with at least this number of steps."""
    datasets = {
        f"{generator}-{guidance}-{draw}": {
            "generator": generator,
            "images_per_class": 100,
            "seed": draw,
            "sampling": {"cfg": guidance},
        }
        for generator in _GENERATORS
        for guidance in _GUIDANCES
        for draw in range(_DRAWS)
    }
    # Per grid cell and seed: a training and a test for each data set and for real images, and tests of real on each.
    per_seed = len(_ARCHITECTURES) * len(_PROBES) * (2 + 3 * len(datasets))
    train = {
        "architectures": [*_ARCHITECTURES],
        "recipes": ["small"],
        "probes": [*_PROBES],
        "seeds": list(range(-(-steps // per_seed))),
    }
    return yaml.safe_dump({"version": 1, "task": "photos", "datasets": datasets, "train": train}, sort_keys=False)


def planning(steps: int) -> dict[str, Any]:
    """Measure seconds and peak memory of planning in this process, and the time to find the remaining steps."""
    study, before = parse_study(study_text(steps)), _peak()
    started = time.perf_counter()
    plan = make_plan(study)
    results = {
        "steps": len(plan.steps),
        "runs": len(plan.runs),
        "plan_seconds": round(time.perf_counter() - started, 2),
        "peak_mib_before": before,
        "peak_mib": _peak(),
    }
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        results["remaining_seconds_of_empty_store"] = _seconds(lambda: plan.missing_steps(store))
        _fill(plan, Path(folder))
        results["remaining_seconds_of_full_store"] = _seconds(lambda: plan.missing_steps(store))
        assert not plan.missing_steps(store)
    return results


def _fill(plan: Plan, root: Path) -> None:
    """Write a manifest without files for every step, as the store does, but without syncing to the disk."""
    for key, step in plan.steps.items():
        path = root / "manifests" / key[:2] / f"{key}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest_of(step, (), {}, 1.0).as_text(), encoding="utf-8")


class NothingSpec(StepSpec):
    """A step that only writes its manifest."""

    kind: ClassVar[str] = "load"
    pace: ClassVar[float] = 0.01
    number: int

    def make(self, job: Job) -> dict[str, Any]:
        del job
        return {}


def noop_step_cost(count: int = 2000, times: int = 5) -> dict[str, float]:
    """Return median milliseconds per step that does nothing: with the executor, without it, and the difference."""
    steps = {step.key: step for step in (Step(NothingSpec(number=n), {}, "nothing", 1) for n in range(count))}

    def with_executor(store: LocalStore) -> None:
        with LocalWorkers(store, 1) as workers:
            assert len(execute(steps, steps, store, workers, lambda _: None).completed) == count

    def without_executor(store: LocalStore) -> None:
        for step in steps.values():
            run_step(step, store, lambda _: None)

    def milliseconds_per_step(run: Callable[[LocalStore], None]) -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = LocalStore(Path(folder))
            return 1000 * _seconds(lambda: run(store)) / count

    # Both alternate, because the speed of the disk changes.
    pairs = [(milliseconds_per_step(with_executor), milliseconds_per_step(without_executor)) for _ in range(times)]
    return {
        "executed_ms": round(median(executed for executed, _ in pairs), 3),
        "bare_ms": round(median(bare for _, bare in pairs), 3),
        "executor_ms": round(median(executed - bare for executed, bare in pairs), 3),
    }


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _peak() -> float:
    """Return the peak main memory of this process in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument(
        "--no-ops", type=int, default=2000, help="steps that do nothing, for the overhead of the executor"
    )
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        planned = pool.apply(planning, (options.steps,))
    results = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "planning": planned,
        "step_that_does_nothing": noop_step_cost(options.no_ops),
    }
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
