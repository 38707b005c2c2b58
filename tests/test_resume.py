"""A run that is killed at any moment can be resumed, with the same results as an uninterrupted run."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runs import count_manifests, datasets, files_by_key, finish, kill_after, records, run_command, start

from prettyuseful.run import generate


def test_resumed_run_gives_the_same_results(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    total = count_manifests(uninterrupted)
    for count in (1, 3, 6, 10):
        kill_after(count, run, killed)
        assert count_manifests(killed) < total
        files_by_key(killed)
    finish(run, killed)
    assert datasets(killed) == datasets(uninterrupted) != {}
    assert records(killed) == records(uninterrupted)
    assert files_by_key(killed) == files_by_key(uninterrupted)


def test_resumed_generation_gives_the_same_images(pipeline_folder: Path, shared_task: Path, tmp_path: Path) -> None:
    """Several prompts and shards per class; killed while some shards are unfinished."""
    uninterrupted, killed = tmp_path / "whole", tmp_path / "killed"
    prompts, sampling = {"strategy": "template", "templates": ["{}", "a {}", "the {}"]}, {"steps": 2}
    fields = {"images_per_class": 105, "prompts": prompts, "sampling": sampling}
    dataset, task = {"generator": str(pipeline_folder), **fields}, {"folder": str(shared_task)}
    generate(dataset, uninterrupted / "out", task, {"micro_batch": 10}, uninterrupted / "store", workers=1)
    command = ["generate", str(pipeline_folder), "--task", str(shared_task), "--images-per-class", "105"]
    command += ["--prompts", json.dumps(prompts), "--sampling", json.dumps(sampling), "--numerics", "micro_batch: 10"]
    kill_after(4, command, killed)
    assert datasets(killed) == {}
    files_by_key(killed)
    finish(command, killed)
    assert datasets(killed) == datasets(uninterrupted)
    assert len(datasets(uninterrupted)) == 4
    assert files_by_key(killed) == files_by_key(uninterrupted)


def test_workers_share_a_store_before_the_report(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    workers = [start([*run, "--steps-only"], shared, workers=1) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0], (shared / "log").read_text()
    assert not (shared / "out").exists()
    store = ["--store", str(shared / "store")]
    kinds = json.loads(run_command("status", run[1], *store, "--json"))["kinds"]
    assert all(kind["done"] == kind["steps"] for kind in kinds)
    assert sum(kind["steps"] for kind in kinds) == count_manifests(shared)
    assert (
        run_command("verify", *store)
        == f"{count_manifests(shared)} of {count_manifests(shared)} artifacts are intact\n"
    )
    assert run_command("gc", run[1], *store, "--yes").startswith("nothing to delete")
    finish(run, shared)
    assert records(shared) == records(uninterrupted)
    assert files_by_key(shared) == files_by_key(uninterrupted)
