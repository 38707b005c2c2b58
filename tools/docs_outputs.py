"""Run pages of the docs and renew the outputs that they quote: `python tools/docs_outputs.py docs/quick-start.md ...`.

A ```console block that follows a ```bash block is replaced by what the commands print. Look at the difference
afterwards: the sentences around an output may quote its numbers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"<!-- needs: .*? -->\n$")
_FILE = re.compile(r"# ([\w/-]+\.(?:py|yaml))\n")
_WIDTH = 100


def renew(page: Path) -> None:
    text = page.read_text("utf-8")
    changes: list[tuple[int, int, str]] = []
    output: str | None = None
    with tempfile.TemporaryDirectory() as folder:
        for block in _BLOCK.finditer(text):
            language, content = block.groups()
            if language == "console" and output is not None:
                changes.append((*block.span(2), _wrapped(output)))
            output = None
            if file := _FILE.match(content):
                Path(folder, file[1]).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, file[1]).write_text(content, "utf-8")
            if language == "bash" and not _NEEDS.search(text[: block.start()]):
                output = _run(content, folder)
    for start, end, new in reversed(changes):
        text = text[:start] + new + text[end:]
    page.write_text(text, "utf-8")


def _run(commands: str, folder: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", commands], cwd=folder, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    print(result.stdout, result.stderr[-500:], sep="\n", file=sys.stderr)
    failures = "".join(f"{line}\n" for line in result.stderr.splitlines() if line.startswith("failed: "))
    return failures or result.stdout


def _wrapped(output: str) -> str:
    """Wrap sentences, not tables."""
    lines = []
    for line in output.splitlines():
        is_sentence = len(line) > _WIDTH and line[0].isascii() and "  " not in line
        lines += textwrap.wrap(line, _WIDTH, break_on_hyphens=False) if is_sentence else [line.rstrip()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        renew(Path(argument))
