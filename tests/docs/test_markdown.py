"""Markdown sources: lines, links, anchors and blocks of code."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from docs_reference import navigation
from tests.docs.markdown_files import DOCS, ROOT, anchors_of, blocks_of, links_of, markdown_files

LANGUAGES = ("bash", "console", "json", "python", "text", "yaml")
NEEDS = ("cluster", "files", "gpu", "network", "repository", "time", "weights")
MAX_LINE, MAX_README = 100, 150
QUESTIONS = {
    "how to audit folders": "docs/how-to/audit-folders.md",
    "how to add a metric": "docs/contributing/adding-a-metric.md",
    "what an interval covers": "docs/concepts/statistics.md",
    "every field of a study": "docs/reference/study-file.md",
    "every exit code": "docs/reference/exit-codes.md",
}
_pages = pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))


@_pages
def test_lines_have_at_most_100_characters(path: Path) -> None:
    """Except tables, outputs of programs, and lines that a link or an address makes long."""
    output = {n for block in blocks_of(path) if block.language == "console" for n in block.lines}
    lines = enumerate(path.read_text("utf-8").splitlines(), 1)
    assert [number for number, line in lines if _is_too_long(line) and number not in output] == []


def _is_too_long(line: str) -> bool:
    without_links = re.sub(r"\]\([^)]*\)|https?://\S+", "", line)
    return len(without_links) > MAX_LINE and not line.lstrip().startswith(("|", "::: "))


def test_readme_has_at_most_150_lines() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MAX_README


@_pages
def test_links_and_anchors_exist(path: Path) -> None:
    """Links to other sites are not followed."""
    broken = [link for link in links_of(path) if not _exists(path, link)]
    assert broken == []


def _exists(page: Path, link: str) -> bool:
    if re.match(r"https?://|mailto:", link):
        return True
    target, _, anchor = link.partition("#")
    path = (page.parent / target).resolve() if target else page
    return path.exists() and (not anchor or path.suffix != ".md" or anchor in anchors_of(path))


@_pages
def test_blocks_of_code_name_a_tested_language(path: Path) -> None:
    blocks = blocks_of(path)
    assert [block.location for block in blocks if block.language not in LANGUAGES] == []
    assert [block.location for block in blocks if set(block.needs) - set(NEEDS)] == []


@_pages
def test_code_is_fenced(path: Path) -> None:
    """A block that is only indented has no language, so nothing would test it."""
    text = path.read_text("utf-8")
    for block in blocks_of(path):
        text = text.replace(block.text, "") if block.text else text
    paragraphs = re.split(r"\n\s*\n", text)
    indented = [p for before, p in itertools.pairwise(paragraphs) if _is_code(before, p)]
    assert indented == []


def _is_code(before: str, paragraph: str) -> bool:
    """Indented text is code unless it continues a list, an admonition or an option of mkdocstrings."""
    opens = re.search(r"^ *([-*]|\d+\.|!!!|\?\?\?\+?|===|:::|:) ", before, re.MULTILINE)
    return paragraph.startswith("    ") and not opens and not before.startswith("    ")


def test_every_page_is_in_the_navigation() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    listed = [path for _, _, path in navigation()]
    assert sorted({*listed} - {"changelog.md"}) == sorted(pages)
    assert len(listed) == len({*listed})


@pytest.mark.parametrize("start", ["README.md", "docs/index.md"])
def test_main_questions_are_two_clicks_away(start: str) -> None:
    first = _linked_pages(ROOT / start)
    reached = first.union(*map(_linked_pages, first))
    assert [question for question, page in QUESTIONS.items() if ROOT / page not in reached] == []


def _linked_pages(page: Path) -> set[Path]:
    links = (link.partition("#")[0] for link in links_of(page) if "://" not in link)
    paths = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
    return {path for path in paths if path.is_file()}


def test_code_names_pages_that_exist() -> None:
    files = [path for folder in ("src", "tests", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    named = {(path, name) for path in files for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text("utf-8"))}
    assert sorted(name for _, name in named if not (ROOT / name).is_file()) == []
