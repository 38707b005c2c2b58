"""The answer of a report as Markdown, for the button that copies it."""

from __future__ import annotations

from collections.abc import Sequence

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent, points

_MISSING = "-"


def answer_markdown(summary: Summary, rows: Sequence[Row]) -> str:
    """Return title, question, sentences of the answer and a table of `rows`."""
    study = summary.study
    parts = [f"# {_one_line(study.title)}"]
    if study.question:
        parts.append(_one_line(study.question))
    if cautions := [*summary.errors, *summary.warnings]:
        parts.append(f"## Before you trust the numbers\n\n{_list(cautions)}\n\n## Answer")
    parts.append("\n".join(_one_line(sentence) for sentence in summary.headline))
    if findings := [sentence for sentence in summary.answer if sentence not in summary.errors]:
        parts.append(f"## Findings\n\n{_list(findings)}")
    if rows:
        parts.append(f"## Accuracy on real test images\n\n{_table(rows)}")
        parts.append("In brackets: 95% intervals.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(rows: Sequence[Row]) -> str:
    heads = ["Data set", "Images per class", "Synth→Real", "Rank", "Difference from real", "Real→Synth"]
    has_worth = any(row.worth for row in rows)
    lines = [[*heads, "Effective real images per class"] if has_worth else heads]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        ranks = row.rank_range
        cells = [
            row.dataset,
            str(row.images_per_class),
            percent(row.to_real) if row.to_real else _MISSING,
            f"{ranks.rank} [{ranks.low}, {ranks.high}]" if ranks else _MISSING,
            points(row.gap) if row.gap else _MISSING,
            percent(row.from_real) if row.from_real else _MISSING,
        ]
        if has_worth:
            cells.append(row.worth.text if row.worth else _MISSING)
        lines.append(cells)
    return "\n".join("| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_one_line(sentence)}" for sentence in sentences)


def _one_line(text: str) -> str:
    return " ".join(text.split())
