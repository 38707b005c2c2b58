"""What all commands share: help, wrong arguments, exit codes, log levels and error messages."""

from __future__ import annotations

import json
import logging
import re
import shlex
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.cli.commands import call, call_here, one_error
from typer.testing import CliRunner

from prettyuseful import __version__
from prettyuseful.cli.app import app, exit_if_missing, parse_yaml, print_json
from prettyuseful.errors import CorruptArtifactError, DataError, StepFailedError, StudyError

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
EXAMPLE = re.compile(r"Example: prettyuseful (.+)")


def example(command: Any) -> list[str]:
    """Return the arguments of the example at the end of a help text, without a redirection."""
    match = EXAMPLE.search(command.epilog)
    assert match
    return shlex.split(match[1].partition(" > ")[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_a_valid_example(name: str) -> None:
    command, (first, *arguments) = COMMANDS[name], example(COMMANDS[name])
    assert first == name
    command.make_context(name, arguments)  # raises on an unknown option or an invalid choice
    last_line = call_here(name, "--help").stdout.rstrip().splitlines()[-1]
    assert last_line.strip() == command.epilog, "the example fits on one line of 80 columns"


@pytest.mark.parametrize("name", ["schema", "list", "paper"])
def test_examples_without_input_files_run(name: str) -> None:
    assert call_here(*example(COMMANDS[name])).returncode == 0


@pytest.mark.slow
def test_the_example_of_generate_runs_and_quiet_prints_only_the_result(tmp_path: Path) -> None:
    result = call("--quiet", *example(COMMANDS["generate"]), cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "80 images in images\n", "")


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_names_types_and_choices_in_plain_words(name: str | None) -> None:
    text = call_here(*filter(None, (name, "--help"))).stdout
    assert not re.search(r"<\w+(\[\w+\])?>|\x1b", text)
    params = COMMANDS[name].params if name else GROUP.params
    assert all(param.help for param in params if not param.hidden)


def test_help_shows_all_choices() -> None:
    assert "[quick|standard|full]" in call_here("audit", "--help").stdout
    assert "[local|ray|ray://HOST:PORT]" in call_here("run", "--help").stdout
    assert "[imagefolder|webdataset]" in call_here("export", "--help").stdout
    commands = re.findall(r"^\W*(\w+)  +Check ", call_here("check", "--help").stdout, re.MULTILINE)
    assert commands == ["data", "generator", "probe"]


def test_the_main_help_lists_commands_by_topic_and_all_exit_codes() -> None:
    text = call_here("--help").stdout
    topics = ["Main", "Studies", "Data sets", "Store", "Reference"]
    assert re.findall(r"─ ([A-Z][a-z ]+) ─", text) == ["Options", *topics]
    assert re.findall(r"^ +(\d+)  \w", text, re.MULTILINE) == ["0", "1", "2", "130"]
    assert EXAMPLE.search(text)


def test_the_version_is_printed() -> None:
    assert call_here("--version").stdout == f"prettyuseful {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("runn", "unknown command 'runn'; did you mean 'run'?; see `prettyuseful --help`"),
        ("run", "missing argument 'STUDY'; see `prettyuseful run --help`"),
        ("check generator", "missing argument 'GENERATOR'; see `prettyuseful check --help`"),
        (
            "run x.yaml --wrokers 2",
            "unknown option '--wrokers'; did you mean '--workers'?; see `prettyuseful run --help`",
        ),
        (
            "demo --workers 0",
            "invalid --workers: it must be greater than or equal to 1; see `prettyuseful demo --help`",
        ),
        ("demo --workers x", "invalid --workers: it must be a valid integer; see `prettyuseful demo --help`"),
        ("demo --on rai", "invalid --on 'rai'; choose local, ray or ray://HOST:PORT; did you mean 'ray'?"),
        ("list generatrs", "invalid KIND 'generatrs'; choose generators, tasks, "),
        ("-q -v demo", "use --verbose or --quiet, not both"),
    ],
)
def test_a_wrong_argument_is_reported_on_one_line(arguments: str, message: str) -> None:
    assert one_error(call_here(*arguments.split())).startswith(f"error: {message}")


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
def test_an_exception_of_a_command_becomes_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    result = invoke(fail, "command")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"{line}\n")


def invoke(command: Callable[[], None], *options: str) -> Any:
    """Run `command` as the only command of an application with the options of prettyuseful."""
    other = typer.Typer(cls=app.info.cls)
    assert app.registered_callback
    assert app.registered_callback.callback
    other.callback()(app.registered_callback.callback)
    other.command("command")(command)
    return CliRunner().invoke(other, [*options], catch_exceptions=False)


def log_lines() -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger("prettyuseful.engine").log(level, "line of level %s: canary-1234", level)


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        (("command",), [20, 30]),
        (("-q", "command"), [30]),
        (("command", "--quiet"), [30]),
        (("--verbose", "command"), [10, 20, 30]),
        (("command", "-v"), [10, 20, 30]),
    ],
)
def test_log_lines_go_to_stderr_by_level_and_without_secrets(
    options: tuple[str, ...], levels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    result = invoke(log_lines, *options)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"line of level {level}: [CANARY_KEY]" for level in levels]


def test_a_command_leaves_the_logger_as_it_was() -> None:
    logger = logging.getLogger("prettyuseful")
    before = (logger.level, list(logger.handlers))
    invoke(log_lines, "-v", "command")
    assert (logger.level, logger.handlers) == before


def test_yaml_options_are_written_as_in_a_study_file() -> None:
    assert parse_yaml("--sampling", "{steps: 25, cfg: 2}") == {"steps": 25, "cfg": 2}
    assert parse_yaml("--task", "photos") == "photos"
    with pytest.raises(StudyError, match=r"^--sampling: '\{steps: 2' is not valid YAML; write it as in a study file$"):
        parse_yaml("--sampling", "{steps: 2")


def test_missing_results_are_printed_and_exit_with_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    exit_if_missing([])
    with pytest.raises(typer.Exit) as stopped:
        exit_if_missing(f"run {i}" for i in range(2))
    assert stopped.value.exit_code == 1
    assert capsys.readouterr() == ("", "missing: run 0\nmissing: run 1\n")


def test_json_is_indented_and_keeps_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "röt"})
    assert capsys.readouterr().out == '{\n  "name": "röt"\n}\n'


def test_json_has_no_secrets_and_only_finite_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    print_json({"a": [1.5, nan, inf], "words": "canary-1234", "applied": {"api_key": "sk-any"}})
    content = json.loads(capsys.readouterr().out)
    assert content == {"a": [1.5, None, None], "words": "[CANARY_KEY]", "applied": {"api_key": "[secret]"}}


@pytest.mark.parametrize(
    "arguments", [("run", "a.yaml", "s3://me:canary-1234@host/a"), ("list", "--canary-1234"), ("canary-1234",)]
)
def test_wrong_arguments_are_shown_without_secrets(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    result = call_here(*arguments)
    assert result.returncode == 2
    assert "canary" not in result.stderr


def test_a_secret_is_replaced_before_a_value_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    with pytest.raises(StudyError) as error:
        parse_yaml("--task", "{" + " " * 92 + "canary-1234")
    assert "canary" not in str(error.value)


def test_a_name_of_thousands_of_characters_is_shortened() -> None:
    result = call_here("generate", "x" * 5_000, "--images-per-class", "1", "--out", "o")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 2_100
