"""The files of examples/: imported, planned and parsed here; run as they are with `make slow`."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.markdown_files import ROOT
from tests.docs.test_examples import command_lines, parse_command

from prettyuseful.generators.check import CHECK
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import load_study, parse_study

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".sh", ".yaml"))


def test_examples_are_numbered_and_listed() -> None:
    listed = re.findall(r"\]\((\d\d_\w+\.\w+)\)", (ROOT / "examples" / "README.md").read_text("utf-8"))
    assert sorted(listed) == [path.name for path in EXAMPLES]
    assert {path.name[:2] for path in EXAMPLES} == {f"{number:02}" for number in range(1, 6)}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(path: Path) -> None:
    match path.suffix:
        case ".yaml":
            assert make_plan(load_study(path)).steps
        case ".py":
            names = runpy.run_path(str(path), run_name="example")
            if "STUDY" in names:
                assert make_plan(parse_study(names["STUDY"])).steps
        case ".sh":
            script = re.sub(r"<<'PYTHON'\n.*?\nPYTHON\n", "", path.read_text("utf-8"), flags=re.DOTALL)
            commands = [words[1:] for words in command_lines(script) if words[:1] == ["prettyuseful"]]
            assert [parse_command(arguments)["command"] for arguments in commands] == ["generate", "export", "audit"]


def test_the_example_of_a_generator_satisfies_the_interface() -> None:
    findings = CHECK.run(f"{ROOT / 'examples' / '03_own_generator.py'}:Stripes")
    assert [finding.problem for finding in findings if finding.problem] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    programs = {
        ".py": [sys.executable, str(path)],
        ".sh": ["bash", str(path)],
        ".yaml": ["prettyuseful", "run", str(path)],
    }
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(programs[path.suffix], cwd=tmp_path, env=environment, check=True, timeout=900)
