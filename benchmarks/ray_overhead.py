"""Measure the overhead of Ray: `python benchmarks/ray_overhead.py`.

The embedded study runs alternately on local worker processes and on a Ray cluster of two nodes with one CPU each.

The time starts when the workers are up and have loaded their models (after a study with a dozen images per class), and
ends when the report is written. After every round, stores and records of both are compared byte by byte.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from prettyuseful.bundled_studies import bundled_study
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.session import Execution
from prettyuseful.engine.store.open import open_store
from prettyuseful.plan.study import make_plan
from prettyuseful.run import run_plan
from prettyuseful.study.reading import parse_study

WARM_UP = """
version: 1
task: photos
datasets: {base: {generator: pocket-base, images_per_class: 12}}
train: {architectures: [small], recipes: [small], seeds: [9]}
"""
TIMES = ("created", "seconds", "environment")


def run_study(on: str, folder: Path) -> tuple[float, float, dict[str, Any]]:
    """Run the study; return seconds until the workers were up, seconds of the study, and its outputs without times."""
    study, store = bundled_study("demo"), open_store(folder / "store")
    warm_up, plan = make_plan(parse_study(WARM_UP)), make_plan(study)
    before = time.perf_counter()
    with Execution(folder / "store", on=on).session(study.numerics) as session:
        session.run(warm_up.steps, warm_up.result_keys)
        up = time.perf_counter()
        result = run_plan(plan, session, folder / "out")
        done = time.perf_counter()
    assert result.complete
    shards = {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*.parquet"))}
    manifests = {m.key: [(f.name, f.sha256) for f in m.files] for m in store.list()}
    records = {path.name: drop_times(json.loads(path.read_text("utf-8"))) for path in result.records.glob("*.json")}
    return up - before, done - up, {"shards": shards, "manifests": manifests, "records": records}


def drop_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: drop_times(v) for k, v in value.items() if k not in TIMES and not k.endswith("_seconds")}
    return [drop_times(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    seconds: dict[str, list[float]] = {"local": [], "ray": []}
    for number in range(rounds):
        outputs: dict[str, Any] = {}
        for on in ("local", "ray"):
            cluster = None
            if on == "ray":
                cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
                cluster.add_node(**node)
                os.environ["RAY_ADDRESS"] = cluster.address
            with tempfile.TemporaryDirectory() as folder:
                start_up, duration, outputs[on] = run_study(on, Path(folder))
            if cluster is not None:
                cluster.shutdown()
            seconds[on].append(duration)
            print(f"round {number + 1}, {on}: {duration:.1f} s after {start_up:.1f} s of start-up", flush=True)
        differing = [name for name in outputs["local"] if outputs["local"][name] != outputs["ray"][name]]
        print(f"  identical: {', '.join(name for name in outputs['local'] if name not in differing)}", flush=True)
        if differing:
            raise SystemExit(f"local and Ray runs differ in {', '.join(differing)}")
    local, ray = median(seconds["local"]), median(seconds["ray"])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; medians of {rounds} rounds")
    print(f"local {local:.1f} s, ray {ray:.1f} s: {100 * (ray / local - 1):+.1f}%")


if __name__ == "__main__":
    main()
