"""The Markdown files of the repository, their blocks of code, links and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown.extensions.toc import slugify

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>.*)$")
_MARKER = re.compile(r"<!-- (needs|fragment|exit code): ([\w, ]+) -->")
_FILE = re.compile(r"# ([\w./-]+\.\w+)")
_LINK = re.compile(r"(?<!!)\[(?:[^]\[]|\[[^]]*\])*\]\(([^)\s]+)\)|!\[[^]]*\]\(([^)\s]+)\)")
_HTML_ID = re.compile(r'\bid="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        name: the file that the block is written to: its first line is a comment with this name.
        needs: what the markers before the block say it needs to run.
        fragment: whether a marker says that the block is a part of a study.
        exit_code: exit code of the last command, 0 without a marker.
    """

    path: Path
    line: int
    language: str
    text: str
    name: str | None = None
    needs: tuple[str, ...] = ()
    fragment: bool = False
    exit_code: int = 0

    @property
    def lines(self) -> range:
        """Numbers of the lines from the opening to the closing fence, from 1."""
        return range(self.line, self.line + self.text.count("\n") + 3)

    @property
    def location(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def markdown_files() -> list[Path]:
    """Return all Markdown files of the repository's root, of examples/ and of docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("examples/*.md")), *sorted(DOCS.rglob("*.md"))]


@cache
def blocks_of(path: Path) -> tuple[Block, ...]:
    """Return the fenced blocks of a page, in order."""
    return tuple(_blocks(path))


def _blocks(path: Path) -> Iterator[Block]:
    lines = path.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        start = _FENCE.match(lines[number])
        if start is None:
            number += 1
            continue
        end = next(
            (n for n in range(number + 1, len(lines)) if lines[n].strip().startswith(start["ticks"])), len(lines)
        )
        assert end < len(lines), f"{path}:{number + 1}: this block of code is not closed"
        indent = len(start["indent"])
        text = "\n".join(line[indent:] for line in lines[number + 1 : end])
        markers = dict(_markers_before(lines, number))
        name = _FILE.fullmatch(text.split("\n")[0])
        yield Block(
            path,
            number + 1,
            start["info"].strip().split(" ")[0],
            text,
            name[1] if name else None,
            tuple(word.strip() for word in markers.get("needs", "").split(",") if word),
            "fragment" in markers,
            int(markers.get("exit code", "0")),
        )
        number = end + 1


def _markers_before(lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    """The markers in the lines that end just before a line."""
    while number and (match := _MARKER.fullmatch(lines[number - 1].strip())):
        yield match[1], match[2]
        number -= 1


@cache
def prose_of(path: Path) -> str:
    """Return a page without its blocks of code, comments and inline code; lines keep their numbers."""
    lines = path.read_text("utf-8").splitlines()
    for block in blocks_of(path):
        for number in block.lines:
            lines[number - 1] = ""
    return re.sub(r"``[^`]*``|`[^`]*`", "", re.sub(r"<!--.*?-->", "", "\n".join(lines), flags=re.DOTALL))


def links_of(path: Path) -> list[str]:
    """Return the targets of a page's links and images."""
    return [match[1] or match[2] for match in _LINK.finditer(prose_of(path))]


@cache
def anchors_of(path: Path) -> frozenset[str]:
    """Return what a link to a page can have behind its #: slugs of the headings, and ids in HTML."""
    lines = path.read_text("utf-8").splitlines()
    code = {number for block in blocks_of(path) for number in block.lines}
    counts: dict[str, int] = {}
    found = set(_HTML_ID.findall("\n".join(lines)))
    for number, line in enumerate(lines, 1):
        heading = re.match(r"#{1,6} +(.+?)(?: +\{#([\w.-]+)[^}]*\})?$", line)
        if heading is None or number in code:
            continue
        slug = heading[2] or slugify(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", ""), "-")
        found.add(f"{slug}_{counts[slug]}" if slug in counts else slug)
        counts[slug] = counts.get(slug, 0) + 1
    return frozenset(found)
