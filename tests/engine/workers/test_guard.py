"""Scripts in separate processes, with and without a main guard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prettyuseful.engine.workers.guard import NO_WORKER_MESSAGE, exit_if_worker

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
    "store='store', workers={workers}); print('images:', made.images)\n"
)


def run_script(folder: Path, task: Path, call: str) -> subprocess.CompletedProcess[str]:
    (folder / "study.yaml").write_text(STUDY.format(task=task))
    (folder / "mine.py").write_text(f"from prettyuseful import generate, load_study, run_study\n{call}")
    return subprocess.run([sys.executable, "mine.py"], cwd=folder, capture_output=True, text=True, timeout=200)


def test_missing_guard_is_reported_once(shared_task: Path, tmp_path: Path) -> None:
    process = run_script(tmp_path, shared_task, RUN.format(workers=2))
    assert process.returncode == 1
    assert process.stdout == ""
    assert process.stderr.splitlines()[-1] == f"prettyuseful.errors.StudyError: {NO_WORKER_MESSAGE}"
    assert process.stderr.count("Traceback") == 1
    assert "__main__" in NO_WORKER_MESSAGE
    assert "workers=1" in NO_WORKER_MESSAGE


def test_single_worker_needs_no_guard(shared_task: Path, tmp_path: Path) -> None:
    process = run_script(tmp_path, shared_task, GENERATE.format(task=shared_task, workers=1))
    assert (process.returncode, process.stdout, process.stderr) == (0, "images: 4\n", "")


def test_several_workers_run_with_a_guard(shared_task: Path, tmp_path: Path) -> None:
    call = GENERATE.format(task=shared_task, workers=2)
    process = run_script(tmp_path, shared_task, f"if __name__ == '__main__': {call}")
    assert (process.returncode, process.stdout, process.stderr) == (0, "images: 4\n", "")


def test_main_process_continues() -> None:
    exit_if_worker()
