"""Every block of code in README and docs: commands are parsed, studies are planned, Python is compiled and run."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.docs.markdown_files import DOCS, ROOT, Block, blocks_of, markdown_files

from prettyuseful.auditing.gate import Gate
from prettyuseful.cli import app
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.plan.study import make_plan
from prettyuseful.plugins import is_plugin
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource

PAGES = [path for path in markdown_files() if blocks_of(path)]
TUTORIALS = [DOCS / "quick-start.md", *sorted((DOCS / "tutorials").glob("*.md"))]
BASE = {"version": 1, "task": "photos", "datasets": {"base": {"generator": "pocket-base", "images_per_class": 28}}}
_WEIGHTS = (".pth", ".safetensors", ".pt")
_FILES = ("lora", "single_file", "textual_inversion")  # settings of a generator


def blocks(language: str) -> list[Any]:
    """All blocks of a language, as parameters of a test."""
    found = [block for path in PAGES for block in blocks_of(path) if block.language == language]
    return [pytest.param(block, id=block.location) for block in found]


def command_lines(text: str) -> Iterator[list[str]]:
    """The commands of a block of shell code, as lists of words. Here documents and redirections are left out."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            else:
                words.append(word)
        yield words


def parse_command(arguments: list[str]) -> dict[str, Any]:
    """Parse the arguments of `prettyuseful` as its application does, without running anything.

    Returns:
        the values of the command's parameters, by name.

    Raises:
        Exception: an unknown command or option, a missing argument, a value of the wrong type.
    """
    group: Any = typer.main.get_command(app)
    try:
        context = group.make_context("prettyuseful", list(arguments))
    except typer.Exit:  # --help, --version
        return {}
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    while hasattr(command, "commands"):  # a group of commands, such as `check`
        context = command.make_context(name, rest, parent=context)
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    values: dict[str, Any] = command.make_context(name, rest, parent=context).params
    return {"command": name, **values}


@pytest.mark.parametrize("block", blocks("bash"))
def test_commands_are_valid(block: Block) -> None:
    names = {other.name for other in blocks_of(block.path)}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for words in command_lines(block.text):
        match words:
            case ["prettyuseful", *arguments]:
                values = parse_command(arguments)
                if values.get("fail_if"):
                    Gate.parse(values["fail_if"])
            case ["make", *goals]:
                assert {*goals} <= targets, block.location
            case ["python", script, *_] if script.endswith(".py"):
                assert script in names or (ROOT / script).is_file(), f"{block.location}: no {script}"


def test_an_invalid_command_fails() -> None:
    for text in ("rum", "run --wrokers 1 a.yaml", "run", "audit --real x --synthetic y --budget no", "check dta x"):
        with pytest.raises(Exception, match=r"(?i)no such|missing|not one of"):
            parse_command(text.split())
    assert parse_command(["run", "a.yaml", "--workers", "2"])["workers"] == 2
    assert list(command_lines("a b \\\n --c 'd e' | f > g  # h")) == [["a", "b", "--c", "d e"], ["f"], ["g"]]


@pytest.mark.parametrize("block", blocks("yaml"))
def test_studies_are_planned(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, weights and models of the reader are replaced by bundled ones before planning."""
    content = yaml.safe_load(block.text)
    if content is None:
        return
    whole = "version" in content
    if not (whole or block.fragment):
        assert not set(content) & set(Study.model_fields), f"{block.location}: mark it with <!-- fragment: study -->"
        return
    content = content if whole else {**BASE, **content}
    monkeypatch.chdir(tmp_path)
    write_files(block, tmp_path)
    path = tmp_path / "study-of-the-docs.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    load_study(path)
    path.write_text(yaml.safe_dump(with_bundled_images(content, tmp_path), sort_keys=False), "utf-8")
    assert make_plan(load_study(path)).steps


def write_files(block: Block, folder: Path) -> None:
    """Write the named files of a block's page."""
    for other in blocks_of(block.path):
        if other.name:
            path = folder / other.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(other.text + "\n", "utf-8")


def with_bundled_images(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a study with the task `photos` and known generators, of at most 100 images per class."""

    def fit(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            if key == "task" and not is_plugin(str(value.get("name"))):
                return "photos"
            if key == "prompts" and "file" in value:
                lines = [f"{name},a prompt" for name in TaskSource(name="photos").open().classes]
                (folder / value["file"]).write_text("\n".join(["class,prompt", *lines]), "utf-8")
                return value
            if key == "condition" and value["kind"] in ("edit", "image-prompt"):  # models of the reader
                return {"kind": "image"}
            if "components" in (value.get("generator") or ()):  # repositories of the reader, and what they take
                return fit({**value, "generator": "pocket-base", "sampling": "vendor"}, key)
            if key == "generator":  # files of the reader
                tunings = [*content.get("tune", ())]
                value = {name: entry for name, entry in value.items() if name not in _FILES or entry in tunings}
            return {name: fit(entry, "mix" if key == "mix" else name) for name, entry in value.items()}
        if isinstance(value, list):
            return [fit(entry, key) for entry in value]
        if isinstance(value, str) and value.endswith(_WEIGHTS):
            (folder / value).write_bytes(b"")
        if isinstance(value, str) and value.endswith(".csv"):
            (folder / value).parent.mkdir(parents=True, exist_ok=True)
            (folder / value).write_text("path\nan-image.png\n", "utf-8")
        if key == "generator" and isinstance(value, str) and value not in MODELS and not is_plugin(value):
            return "pocket-base"
        if key in ("images_per_class", "mix", "real_curve"):
            return min(int(str(value).split()[0]), 100)
        return value

    result: dict[str, Any] = fit(dict(content))
    return result


@pytest.mark.parametrize("block", blocks("python"))
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code behind a main guard, and the tutorials, run with their pages; see test_pages.py."""
    code = compile(block.text, block.location, "exec")
    if not block.needs and block.path not in TUTORIALS:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        write_files(block, tmp_path)
        modules = set(sys.modules)
        monkeypatch.setitem(sys.modules, "example_of_the_docs", type(sys)("example_of_the_docs"))  # for dataclasses
        exec(code, {"__name__": "example_of_the_docs"})
        forget_modules(tmp_path, set(sys.modules) - modules)


def forget_modules(folder: Path, names: set[str]) -> None:
    """Remove modules of a folder from `sys.modules`: another page may have files of the same names."""
    for name in names:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.mark.parametrize("block", blocks("json"))
def test_json_is_valid(block: Block) -> None:
    json.loads(block.text)
