"""kill -9 at any moment, run again: it goes on, and what it leaves is what an uninterrupted run leaves."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runs import datasets, files_by_key, finish, kill_after, manifests, records, start, tell

from prettyuseful.run import generate


def test_a_run_killed_again_and_again_ends_as_if_nothing_had_been(run: list[str], whole: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    total = manifests(whole)
    for count in (1, 3, 6, 10):
        kill_after(count, run, killed)
        assert manifests(killed) < total
        files_by_key(killed)
    finish(run, killed)
    assert datasets(killed) == datasets(whole) != {}
    assert records(killed) == records(whole)
    assert files_by_key(killed) == files_by_key(whole)


def test_a_killed_generation_ends_as_if_nothing_had_been(
    pipeline_folder: Path, shared_task: Path, tmp_path: Path
) -> None:
    """Several prompts per class, several shards per class; killed while some of them are made."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    prompts, sampling = {"strategy": "template", "templates": ["{}", "a {}", "the {}"]}, {"steps": 2}
    fields = {"images_per_class": 105, "prompts": prompts, "sampling": sampling}
    dataset, task = {"generator": str(pipeline_folder), **fields}, {"folder": str(shared_task)}
    generate(dataset, whole / "out", task, {"micro_batch": 10}, whole / "store", workers=1)
    command = ["generate", str(pipeline_folder), "--task", str(shared_task), "--images-per-class", "105"]
    command += ["--prompts", json.dumps(prompts), "--sampling", json.dumps(sampling), "--numerics", "micro_batch: 10"]
    kill_after(4, command, killed)
    assert datasets(killed) == {}
    files_by_key(killed)
    finish(command, killed)
    assert datasets(killed) == datasets(whole)
    assert len(datasets(whole)) == 4
    assert files_by_key(killed) == files_by_key(whole)


def test_workers_share_a_store_and_the_report_comes_after(run: list[str], whole: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    together = [start([*run, "--worker"], shared, workers=1) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in together] == [0, 0], (shared / "log").read_text()
    assert not (shared / "out").exists()
    store = ["--store", str(shared / "store")]
    kinds = json.loads(tell("status", run[1], *store, "--json"))["kinds"]
    assert all(kind["done"] == kind["steps"] for kind in kinds)
    assert sum(kind["steps"] for kind in kinds) == manifests(shared)
    assert tell("verify", *store) == f"{manifests(shared)} of {manifests(shared)} artifacts are whole\n"
    assert tell("gc", run[1], *store, "--yes").startswith("nothing to remove")
    finish(run, shared)
    assert records(shared) == records(whole)
    assert files_by_key(shared) == files_by_key(whole)
