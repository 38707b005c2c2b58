"""What a plan of 100,000 steps takes, and the executor's own share of a step: `python benchmarks/planning.py`.

The study is on the embedded task: data sets of pocket generators with several seeds and settings, four small
architectures, probes and as many training seeds as make the steps. Planning is measured in a process of its own, with
the imports beside it; so is asking an empty store and a full one what is left. The executor's share is the time that
`execute` takes for steps that do nothing, less what `run_step` takes for them without it.
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
from prettyuseful.engine.step import Job, Step, StepSpec, run_step
from prettyuseful.engine.store.base import Manifest
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
    """A study, in YAML, of at least so many steps."""
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
    # Every cell with a seed is a training and a test per data set and for the real images, and their test on each set.
    per_seed = len(_ARCHITECTURES) * len(_PROBES) * (2 + 3 * len(datasets))
    train = {
        "architectures": [*_ARCHITECTURES],
        "recipes": ["small"],
        "probes": [*_PROBES],
        "seeds": list(range(-(-steps // per_seed))),
    }
    return yaml.safe_dump({"version": 1, "task": "photos", "datasets": datasets, "train": train}, sort_keys=False)


def planning(steps: int) -> dict[str, Any]:
    """Seconds and peak memory of this process, before and after, and of asking stores what is left."""
    study, before = parse_study(study_text(steps)), _peak()
    started = time.perf_counter()
    plan = make_plan(study)
    found = {
        "steps": len(plan.steps),
        "runs": len(plan.runs),
        "plan_seconds": round(time.perf_counter() - started, 2),
        "peak_mib_before": before,
        "peak_mib": _peak(),
    }
    with tempfile.TemporaryDirectory() as place:
        store = LocalStore(Path(place))
        found["remaining_seconds_of_empty_store"] = _seconds(lambda: plan.remaining(store))
        _fill(plan, Path(place))
        found["remaining_seconds_of_full_store"] = _seconds(lambda: plan.remaining(store))
        assert not plan.remaining(store)
    return found


def _fill(plan: Plan, root: Path) -> None:
    """A manifest without files per step, written where the store has them, but without a wait for the disk."""
    for key, step in plan.steps.items():
        path = root / "manifests" / key[:2] / f"{key}.json"
        path.parent.mkdir(exist_ok=True)
        manifest = Manifest(
            key=key,
            step=step.spec.kind,
            version=step.spec.version,
            spec=step.spec.keyed(),
            inputs=dict(step.inputs),
            files=(),
            facts={},
            environment={},
            created="",
            seconds=1.0,
            units=step.units,
            rate_class=step.spec.rate_class,
        )
        path.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")


class NothingSpec(StepSpec):
    """A step that leaves nothing but its manifest."""

    kind: ClassVar[str] = "load"
    pace: ClassVar[float] = 0.01
    number: int

    def make(self, job: Job) -> dict[str, Any]:
        del job
        return {}


def noop_step_cost(count: int = 2000, times: int = 5) -> dict[str, float]:
    """Milliseconds per step that does nothing, medians: through the executor, by itself, and the difference."""
    steps = {step.key: step for step in (Step(NothingSpec(number=n), {}, "nothing", 1) for n in range(count))}

    def executed(store: LocalStore) -> None:
        with LocalWorkers(store, 1) as workers:
            assert len(execute(steps, steps, store, workers, lambda _: None).made) == count

    def bare(store: LocalStore) -> None:
        for step in steps.values():
            run_step(step, store, lambda _: None)

    def per_step(way: Callable[[LocalStore], None]) -> float:
        with tempfile.TemporaryDirectory() as place:
            store = LocalStore(Path(place))
            return 1000 * _seconds(lambda: way(store)) / count

    pairs = [(per_step(executed), per_step(bare)) for _ in range(times)]  # in turn: the disk's pace changes
    return {
        "executed_ms": round(median(one for one, _ in pairs), 3),
        "bare_ms": round(median(one for _, one in pairs), 3),
        "executor_ms": round(median(one - other for one, other in pairs), 3),
    }


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _peak() -> float:
    """MiB of main memory that this process has held at most."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--no-ops", type=int, default=2000, help="steps that do nothing, for the executor's share")
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        planned = pool.apply(planning, (options.steps,))
    found = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "planning": planned,
        "step_that_does_nothing": noop_step_cost(options.no_ops),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
