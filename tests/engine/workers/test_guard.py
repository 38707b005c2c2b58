"""Scripts in processes of their own, with and without a main guard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prettyuseful.engine.workers.guard import NO_WORKER, leave_if_worker

STUDY = (
    "version: 1\ntask: {{folder: {task}}}\ndatasets: {{synth: {{generator: {task}/train, images_per_class: 2}}}}\n"
    "recipes: {{one: {{like: small, epochs: 1}}}}\n"
    "train: {{architectures: [small], recipes: [one], seeds: [0]}}\nmetrics: []\n"
)
RUN = (
    "result = run_study(load_study('study.yaml'), store='store', out='out', workers={workers}); "
    "print('complete:', result.complete)\n"
)
GENERATE = (
    "made = generate({{'generator': '{task}/train', 'images_per_class': 2}}, 'out', {{'folder': '{task}'}}, "
    "store='store', workers=2); print('images:', made.images)\n"
)


def run_script(folder: Path, task: Path, call: str) -> subprocess.CompletedProcess[str]:
    (folder / "study.yaml").write_text(STUDY.format(task=task))
    (folder / "mine.py").write_text(f"from prettyuseful import generate, load_study, run_study\n{call}")
    return subprocess.run([sys.executable, "mine.py"], cwd=folder, capture_output=True, text=True, timeout=200)


def test_without_a_guard_the_call_raises_and_says_so_once(shared_task: Path, tmp_path: Path) -> None:
    done = run_script(tmp_path, shared_task, RUN.format(workers=2))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == f"prettyuseful.errors.StudyError: {NO_WORKER}"
    assert done.stderr.count("Traceback") == 1
    assert "__main__" in NO_WORKER
    assert "workers=1" in NO_WORKER


def test_a_single_worker_needs_no_guard(shared_task: Path, tmp_path: Path) -> None:
    done = run_script(tmp_path, shared_task, RUN.format(workers=1))
    assert (done.returncode, done.stdout, done.stderr) == (0, "complete: True\n", "")


def test_several_workers_run_behind_a_guard(shared_task: Path, tmp_path: Path) -> None:
    call = GENERATE.format(task=shared_task)
    done = run_script(tmp_path, shared_task, f"if __name__ == '__main__': {call}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "images: 4\n", "")


def test_a_process_that_is_no_worker_goes_on() -> None:
    leave_if_worker()
