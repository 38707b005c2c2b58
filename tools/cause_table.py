"""Writes the table of causes in docs/audit.md from their rows: `python tools/cause_table.py`."""

from __future__ import annotations

from pathlib import Path

from prettyuseful.diagnosis.causes import CAUSES

PAGE = Path(__file__).parents[1] / "docs" / "audit.md"
BEGIN, END = "<!-- causes: written by tools/cause_table.py -->", "<!-- end of causes -->"


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")


def with_table(text: str) -> str:
    """The page with the table between its two markers written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    rows = [
        f"| `{cause.id}` | {cause.direction} | {cause.title}. {cause.meaning} | {' '.join(cause.advice)} |"
        for cause in CAUSES
    ]
    return "\n".join(["| cause | direction | what it means | what to try |", "| --- | --- | --- | --- |", *rows])


if __name__ == "__main__":
    main()
