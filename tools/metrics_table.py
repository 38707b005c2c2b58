"""Writes the table of docs/metrics.md from the rows of the metrics: `python tools/metrics_table.py`."""

from __future__ import annotations

from pathlib import Path

from prettyuseful.metrics import METRICS, Metric

DOCS = Path(__file__).parents[1] / "docs" / "metrics.md"
BEGIN, END = "<!-- made by tools/metrics_table.py -->", "<!-- end -->"


def table() -> str:
    """One line per metric."""
    lines = ["| name | what | value of | range | source |", "| --- | --- | --- | --- | --- |"]
    for metric in METRICS:
        words = metric.words.replace("|", "\\|") + (f" k = {metric.k}." if metric.k else "")
        per = {"set": "all classes together", "class": "each class, on average"}.get(metric.per, f"each {metric.per}")
        lines.append(f"| `{metric.name}` | {words} | {per} | {_range(metric)} | {metric.source} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The page with the table as it should be between the two marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


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


if __name__ == "__main__":
    DOCS.write_text(with_table(DOCS.read_text("utf-8")), "utf-8")
