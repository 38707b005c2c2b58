"""A run that is killed at any moment can be resumed, with the same results as an uninterrupted run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runs import count_manifests, datasets, files_by_key, finish, kill_after, records, run_command, start

from prettyuseful.run import generate


@pytest.mark.integration
def test_resumed_run_gives_the_same_results(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    total = count_manifests(uninterrupted)
    for count in (3, 20):
        kill_after(count, run, killed)
        assert count_manifests(killed) < total
        files_by_key(killed)
    finish(run, killed)
    assert datasets(killed) == datasets(uninterrupted) != {}
    assert records(killed) == records(uninterrupted)
    assert files_by_key(killed) == files_by_key(uninterrupted)


@pytest.mark.parametrize(
    ("kind", "micro_batch"),
    [
        ("Noise", 10),
        pytest.param("a pipeline", 10, marks=pytest.mark.slow),
        pytest.param("a pipeline", 40, marks=pytest.mark.slow),
    ],
)
def test_resumed_generation_gives_the_same_images(
    kind: str,
    micro_batch: int,
    planted: Callable[[str], str],
    shared_task: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Several prompts and shards per class; killed while some shards are unfinished.

    The 35 images of a prompt do not fill a micro-batch of 40, so it holds images of several prompts.
    """
    prompts: dict[str, Any] = {"strategy": "template", "templates": ["{}", "a {}", "the {}"]}
    generator, per_class, sampling = planted("Noise"), 605, {}  # it is fast: many shards must be left after the kill
    if kind == "a pipeline":
        generator, per_class = str(request.getfixturevalue("pipeline_folder")), 105
        sampling = {"sampling": {"steps": 2}}
    uninterrupted, killed = tmp_path / "whole", tmp_path / "killed"
    dataset = {"generator": generator, "images_per_class": per_class, "prompts": prompts, **sampling}
    task = {"folder": str(shared_task)}
    generate(dataset, uninterrupted / "out", task, {"micro_batch": micro_batch}, uninterrupted / "store", workers=1)
    command = ["generate", generator, "--task", str(shared_task), "--images-per-class", str(per_class)]
    command += ["--prompts", json.dumps(prompts), "--numerics", f"micro_batch: {micro_batch}"]
    command += [part for key, value in sampling.items() for part in (f"--{key}", json.dumps(value))]
    kill_after(4, command, killed)
    assert datasets(killed) == {}
    files_by_key(killed)
    finish(command, killed)
    assert datasets(killed) == datasets(uninterrupted)
    assert len(datasets(uninterrupted)) == 2 * -(-per_class // 100)
    assert files_by_key(killed) == files_by_key(uninterrupted)


@pytest.mark.integration
def test_workers_share_a_store_before_the_report(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    worker = start([*run, "--steps-only"], shared, workers=1)
    finish([*run, "--steps-only"], shared)  # this process is another worker, at the same time
    assert worker.wait(timeout=240) == 0, (shared / "log").read_text()
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
