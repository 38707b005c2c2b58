"""Writes the tables of the docs that come from rows: `python tools/docs_tables.py`. The tests say when to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.metrics import METRICS, Metric

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Table:
    """A table of a page, between `<!-- table: NAME -->` and `<!-- end -->`."""

    name: str
    page: str
    head: tuple[str, ...]
    lines: Callable[[], Iterator[tuple[str, ...]]]

    @property
    def path(self) -> Path:
        return DOCS / self.page

    def within(self, text: str) -> str:
        """The page's text with the table as the rows have it."""
        table = "\n".join(map(_line, (self.head, ("---",) * len(self.head), *self.lines())))
        mark = re.escape(f"<!-- table: {self.name} -->")
        return re.sub(rf"({mark}\n).*?(\n<!-- end -->)", lambda m: m[1] + table + m[2], text, flags=re.DOTALL)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _causes() -> Iterator[tuple[str, ...]]:
    for cause in CAUSES:
        yield f"`{cause.id}`", cause.direction, f"{cause.title}. {cause.meaning}", " ".join(cause.advice)


def _metrics() -> Iterator[tuple[str, ...]]:
    for metric in METRICS:
        words = metric.words + (f" k = {metric.k}." if metric.k else "")
        per = {"set": "all classes together", "class": "each class, on average"}.get(metric.per, f"each {metric.per}")
        yield f"`{metric.name}`", words, per, _range(metric), metric.source


def _range(metric: Metric) -> str:
    match metric.low, metric.high:
        case None, None:
            return "any number"
        case low, None:
            return f"{low:g} and more"
        case None, high:
            return f"{high:g} and less"
        case low, high:
            return f"{low:g} to {high:g}"


TABLES = (
    Table("causes", "audit.md", ("cause", "direction", "what it means", "what to try"), _causes),
    Table("metrics", "metrics.md", ("name", "what", "value of", "range", "source"), _metrics),
)


def main() -> None:
    for table in TABLES:
        table.path.write_text(table.within(table.path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
