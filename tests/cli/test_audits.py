"""The command audit. tests/auditing tests the content of its results."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import call_here, one_error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fail-if", "synth_to_rael.high < 1"), "'synth_to_rael'; did you mean 'synth_to_real'?"),
        (("--fail-if", "synth_to_real.high <"), "a field or a value is missing"),
        (("--budget", "quik"), "invalid --budget 'quik'; choose quick, standard or full; did you mean 'quick'?"),
        (
            ("--encoder", "dinov2-b14"),
            "encoder: unknown encoder or architecture 'dinov2-b14'; did you mean 'dinov2-b-14'?",
        ),
        (("--workers", "0"), "invalid --workers: it must be greater than or equal to 1"),
        (("--on", "rai"), "invalid --on 'rai'; choose local, ray or ray://HOST:PORT"),
        (("--synthetic", "{task}/none"), "none"),
        (("--groups", "{task}/none.csv"), "none.csv"),
    ],
)
def test_a_user_error_is_reported_before_any_step_runs(
    shared_task: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    images = ("--real", shared_task / "train", "--synthetic", shared_task / "test")
    options = tuple(option.replace("{task}", str(shared_task)) for option in options)
    result = call_here("audit", *images, "--out", tmp_path / "out", "--store", tmp_path / "store", *options)
    assert message in one_error(result)
    assert not (tmp_path / "out" / "report.html").exists()
    assert not list(tmp_path.glob("store/manifests/*/*.json"))


def test_a_missing_required_option_is_named() -> None:
    assert "missing option '--synthetic'" in one_error(call_here("audit", "--real", "somewhere"))
    assert "missing option '--real'" in one_error(call_here("audit", "--synthetic", "somewhere"))


def test_an_audit_prints_a_table_its_answer_and_the_path_of_the_report(shared_task: Path, tmp_path: Path) -> None:
    """One image per class is enough to train. The exit code is 1, since a data set satisfies the condition."""
    few = tmp_path / "few"
    for name in ("red", "blue"):
        (few / name).mkdir(parents=True)
        (few / name / "0.png").write_bytes((shared_task / "train" / name / "000.png").read_bytes())
    images = ("--real", shared_task / "train", "--synthetic", few, "--out", tmp_path / "out")
    result = call_here("audit", *images, "--store", tmp_path / "store", "--workers", 1, "--fail-if", "gap.mean > -2")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("failed: few: gap.mean is ")
    assert "few" in result.stdout
    assert result.stdout.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "report.html").exists()
