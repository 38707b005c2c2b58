"""The command audit. What a whole audit prints is tested beside the audit itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.commands import call, call_here, one_error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fail-if", "synth_to_rael.high < 1"), "no field 'synth_to_rael'; did you mean 'synth_to_real'?"),
        (("--fail-if", "synth_to_real.high <"), "a field or a value is missing"),
        (("--budget", "quik"), "'quik' is not one of 'quick', 'full'; did you mean 'quick'?; see `prettyuseful audit"),
        (("--workers", "0"), "invalid value for '--workers'"),
        (("--on", "rai"), "--on rai: no such place"),
        (("--synthetic", "{task}/none"), "none"),
        (("--groups", "{task}/none.csv"), "none.csv"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    shared_task: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    places = ("--real", shared_task / "train", "--synthetic", shared_task / "test")
    given = [option.replace("{task}", str(shared_task)) for option in options]
    found = call_here("audit", *places, "--out", tmp_path / "out", "--store", tmp_path / "store", *given)
    assert said in one_error(found)
    assert not (tmp_path / "out" / "report.html").exists()
    assert not list(tmp_path.glob("store/manifests/*/*.json"))


def test_what_has_to_be_given_is_named() -> None:
    assert "missing option '--synthetic'" in one_error(call_here("audit", "--real", "somewhere"))
    assert "missing option '--real'" in one_error(call_here("audit", "--synthetic", "somewhere"))


def test_a_whole_audit_prints_a_table_its_answer_and_the_place_of_the_report(shared_task: Path, tmp_path: Path) -> None:
    """Of one image per class: enough for the transfers alone. A condition that a set meets is exit code 1."""
    few = tmp_path / "few"
    for name in ("red", "blue"):
        (few / name).mkdir(parents=True)
        (few / name / "0.png").write_bytes((shared_task / "train" / name / "000.png").read_bytes())
    places = ("--real", shared_task / "train", "--synthetic", few, "--out", tmp_path / "out")
    found = call("audit", *places, "--store", tmp_path / "store", "--workers", 1, "--fail-if", "gap.mean > -2")
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith("failed: few: gap.mean is ")
    assert "few" in found.stdout
    assert found.stdout.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "report.html").exists()
