"""The pages run from top to bottom: files are written, commands and scripts run, exit codes are those of the page."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.docs.markdown_files import ROOT, Block, blocks_of, markdown_files
from tests.docs.test_examples import TUTORIALS, command_lines, forget_modules
from typer.testing import CliRunner

import prettyuseful
from prettyuseful.cli import app

RUNNABLE = [path for path in markdown_files() if any(b.language in ("bash", "python") for b in blocks_of(path))]
# Few images of the fastest model, one training seed: minutes become seconds, and the numbers mean nothing.
SMALL: Mapping[str, str] = {
    r"images_per_class: \d+": "images_per_class: 1",
    r"--images-per-class \d+": "--images-per-class 1",
    r"generate pocket-base": "generate pocket-turbo",
    r"generator: pocket-base,": "generator: pocket-base, sampling: {steps: 2},",
    r"seeds: \[[^]]*\]": "seeds: [0]",
    r"metrics: \[[^]]*\]": "metrics: []",
    r'"(train|test)", (\d+)': r'"\1", 2',
    r" or causes\.[\w.-]+": "",  # a diagnosis needs more images
    r"if int\(Path\(row.path\).stem\) < 12": "if int(Path(row.path).stem) % 2 == 0",
}
_WITH_WORKERS = ("audit", "demo", "generate", "run")
_FUNCTIONS = ("audit", "generate", "make_steps", "run_study")
Edit = Callable[[str], str]


def smaller(text: str) -> str:
    """Return a block of a page with fewer images."""
    for pattern, replacement in SMALL.items():
        text = re.sub(pattern, replacement, text)
    return text


@pytest.fixture(scope="session")
def docs_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all pages: they share steps."""
    return tmp_path_factory.mktemp("docs") / "store"


@pytest.fixture
def page_folder(tmp_path: Path, docs_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory. Functions of the package run their steps in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PRETTYUSEFUL_STORE", str(docs_store))
    for name in _FUNCTIONS:
        function = getattr(prettyuseful, name)
        monkeypatch.setattr(prettyuseful, name, _in_this_process(function, docs_store), raising=False)
    return tmp_path


def _in_this_process(function: Callable[..., Any], store: Path) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return partial(function, *arguments)(**{**options, "workers": 1, "store": store})

    return call


def run_page(path: Path, folder: Path, edit: Edit = str) -> None:
    """Run the blocks of a page that need nothing from outside.

    Raises:
        AssertionError: a command ends with another exit code than the page says.
    """
    modules = set(sys.modules)
    for block in blocks_of(path):
        text = edit(block.text)
        if block.name:
            (folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.name).write_text(text + "\n", "utf-8")
        if block.needs:
            continue
        if block.language == "bash":
            codes = [run_command(words, block) for words in command_lines(text) if words]
            assert codes[-1] == block.exit_code, f"{block.location}: exit code {codes[-1]}, not {block.exit_code}"
        elif block.language == "python" and not block.name:
            exec(compile(text, block.location, "exec"), {"__name__": "__main__"})
    forget_modules(folder, set(sys.modules) - modules)


def run_command(words: list[str], block: Block) -> int:
    """Run a command of `prettyuseful` or a script of the page in this process; others are not run."""
    match words:
        case ["prettyuseful", command, *rest]:
            workers = ["--workers", "1"] if command in _WITH_WORKERS and "--workers" not in rest else []
            result = CliRunner().invoke(app, [command, *rest, *workers], catch_exceptions=False)
            assert result.exit_code in (0, block.exit_code), f"{block.location}: {shlex.join(words)}\n{result.output}"
            return result.exit_code
        case ["python", script]:
            runpy.run_path(str(Path.cwd() / script), run_name="__main__")
    return 0


@pytest.mark.integration
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_run_with_few_images(path: Path, page_folder: Path) -> None:
    run_page(path, page_folder, smaller)


@pytest.mark.slow
@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_run_as_they_are(path: Path, page_folder: Path) -> None:
    run_page(path, page_folder)


def test_a_wrong_exit_code_fails(page_folder: Path) -> None:
    block = Block(Path(ROOT, "x.md"), 1, "bash", "")
    with pytest.raises(AssertionError, match=r"x\.md:1: prettyuseful rum"):
        run_command(["prettyuseful", "rum"], block)
    assert run_command(["ls"], block) == 0
    assert sys.path[0] == str(page_folder)
