"""The program itself: how it handles interruption, and errors of its own code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.commands import PROGRAM

from prettyuseful.records import StudyRecord, read_records


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_exits_with_code_130_and_keeps_its_records(
    tmp_path: Path, shared_task: Path, planted: Callable[[str], str], stop: signal.Signals
) -> None:
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\ntrain: {{seeds: [0, 1, 2, 3]}}\n"
        f"datasets: {{tiny: {{generator: '{planted('Noise')}', images_per_class: 20, prompts: template}}}}\n"
    )
    process = subprocess.Popen(
        [*PROGRAM, "run", "study.yaml", "--store", "store", "--workers", "2"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    while process.poll() is None and len(list(tmp_path.glob("store/manifests/*/*.json"))) < 4:
        time.sleep(0.01)
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does
    else:
        process.send_signal(stop)  # as a batch system does
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; run the same command again to continue" in stderr
    assert "Traceback" not in stderr
    records = read_records(tmp_path / "study-results" / "records")
    assert any(not isinstance(record, StudyRecord) and record.status == "missing" for record in records)


def test_an_internal_error_prints_its_traceback_without_secrets() -> None:
    script = (
        "import os, sys; from prettyuseful.cli import app, main\n"
        "@app.command()\ndef wrong() -> None: raise RuntimeError(os.environ['CANARY_KEY'])\n"
        "sys.argv = ['prettyuseful', 'wrong']; main()"
    )
    environment = {**os.environ, "CANARY_KEY": "canary-1234"}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Traceback")
    assert result.stderr.splitlines()[-1] == "RuntimeError: [CANARY_KEY]"
    assert "canary" not in result.stderr


def test_what_is_no_text_is_printed_as_its_escape() -> None:
    """A path may hold any bytes."""
    script = (
        "import sys; from prettyuseful.cli import app, main\n"
        "@app.command()\ndef path() -> None: print('a\\udcff')\n"
        "sys.argv = ['prettyuseful', 'path']; main()"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (result.stdout, result.stderr) == ("a\\udcff\n", "")


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        (("list", "metrics", "--json"), ""),
        (("--help",), ""),
        (("--help",), "1"),
        (("--version",), ""),
        pytest.param(("list", "metrics", "--json"), "1", marks=pytest.mark.slow),
        pytest.param(("paper",), "", marks=pytest.mark.slow),
        pytest.param(("paper",), "1", marks=pytest.mark.slow),
        pytest.param(("--version",), "1", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_behind_stdout_is_a_one_line_error(command: tuple[str, ...], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    message = "error: cannot write the output: No space left on device; redirect it to another file\n"
    assert (result.returncode, result.stderr) == (2, message)


@pytest.mark.parametrize("command", [("list", "metrics", "--json"), ("schema",)])  # a short and a long output
def test_a_reader_that_stops_early_is_no_error_of_the_program(command: tuple[str, ...]) -> None:
    process = subprocess.Popen([*PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1
