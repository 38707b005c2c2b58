"""Measure commands on a store of 20,000 artifacts: `python benchmarks/store_commands.py`.

The store holds an artifact for every step of a study, each with one file of 4 kB. Every command runs in a process of
its own: seconds with the start of Python, and peak main memory, as medians.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from planning import study_text

from prettyuseful.engine.step import manifest_of
from prettyuseful.engine.store.base import FileEntry
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import parse_study

_COMMANDS = {
    "status": ["status", "study.yaml"],
    "plan": ["plan", "study.yaml"],
    "explain": ["explain", "study.yaml"],
    "verify": ["verify"],
    "gc --dry-run": ["gc", "study.yaml", "--dry-run"],
}
_MEASURE = """
import json, resource, sys, time
started = time.perf_counter()
from prettyuseful.cli import main
sys.argv = ["prettyuseful", *sys.argv[1:]]
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - started, peak]), file=sys.stderr)
"""


def fill(folder: Path, steps: int) -> int:
    """Write a study and its finished store, as `run` does, but without syncing to the disk; return its artifacts."""
    text = study_text(steps)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    plan, root = make_plan(parse_study(text)), folder / "store"
    for name in ("objects", "manifests", "locks", "failures", "sweeps", "checkpoints", "tmp"):
        (root / name).mkdir(parents=True)
    for number, (key, step) in enumerate(plan.steps.items()):
        content = str(number).encode() * 800
        entry = FileEntry(name="data", size=len(content), sha256=hashlib.sha256(content).hexdigest())
        files = {
            root / "objects" / entry.sha256[:2] / entry.sha256: content,
            root / "manifests" / key[:2] / f"{key}.json": manifest_of(step, (entry,), {}, 1.0).as_text().encode(),
        }
        for path, data in files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return len(plan.steps)


def measure(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Return seconds and peak MiB of a command."""
    command = [sys.executable, "-c", _MEASURE, *arguments, "--store", "store"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds, peak = json.loads(result.stderr.splitlines()[-1])
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        artifacts = fill(folder, options.steps)
        results: dict[str, Any] = {
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 2),
            "artifacts": artifacts,
            "fill_seconds": round(time.perf_counter() - started, 1),
        }
        for label, arguments in _COMMANDS.items():
            pairs = [measure(arguments, folder) for _ in range(options.times)]
            seconds, peaks = zip(*pairs, strict=True)
            results[label] = {"seconds": round(median(seconds), 2), "peak_mib": round(median(peaks), 1)}
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
