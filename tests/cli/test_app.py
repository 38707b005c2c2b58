"""What all commands share: wrong use, exit codes, one line of an error."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from tests.cli.commands import call
from typer.testing import CliRunner

from prettyuseful.cli.app import app, parse_yaml, print_json, report_problems
from prettyuseful.errors import CorruptArtifactError, DataError, StepFailedError, StudyError


def test_wrong_use_is_told_with_the_usage(tmp_path: Path) -> None:
    for arguments in (("run",), ("runn",), ("run", "x.yaml", "--wrokers", "2"), ("demo", "--workers", "0")):
        found = call(*arguments, cwd=tmp_path)
        assert found.returncode == 2
        assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("a broken image"), 2, "error: a broken image"),
        (StepFailedError("no luck"), 1, "error: no luck"),
        (CorruptArtifactError("damaged"), 1, "error: damaged"),
        (DataError("401 for canary-1234"), 2, "error: 401 for [CANARY_KEY]"),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to continue"),
    ],
)
def test_what_a_command_raises_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    other = typer.Typer(cls=app.info.cls)

    @other.callback()
    def several() -> None: ...

    @other.command()
    def fail() -> None:
        raise error

    found = CliRunner().invoke(other, ["fail"])
    assert (found.exit_code, found.stdout, found.stderr) == (code, "", f"{line}\n")


def test_values_of_options_are_yaml_as_in_a_study() -> None:
    assert parse_yaml("--sampling", "{steps: 25, cfg: 2}") == {"steps": 25, "cfg": 2}
    assert parse_yaml("--task", "photos") == "photos"
    with pytest.raises(StudyError, match=r"^--sampling: '\{steps: 2' is not valid YAML; write it as in a study file$"):
        parse_yaml("--sampling", "{steps: 2")


def test_what_is_missing_is_told_and_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    report_problems([])
    with pytest.raises(typer.Exit) as stopped:
        report_problems(f"run {i}" for i in range(2))
    assert stopped.value.exit_code == 1
    assert capsys.readouterr() == ("", "missing: run 0\nmissing: run 1\n")


def test_json_is_one_document_that_people_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "röt"})
    assert capsys.readouterr().out == '{\n  "name": "röt"\n}\n'
