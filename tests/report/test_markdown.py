from __future__ import annotations

from dataclasses import replace

from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.summary import Summary
from prettyuseful.report.markdown import answer_markdown


def test_markdown_has_the_answer_and_the_table(small: Summary) -> None:
    text = answer_markdown(small, small.rows)
    assert text.startswith("# A study\n\nIs it useful?\n\n")
    for sentence in (*small.headline, *small.answer):
        assert sentence in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(small.rows)
    assert len({line.count("|") for line in table}) == 1
    assert "| base | 10 | 60.0% [" in text
    assert "| -26.7 points [" in text


def test_names_cannot_break_the_table(small: Summary) -> None:
    rows = [replace(row, dataset="a | b\nc") for row in small.rows]
    assert "| a \\| b c |" in answer_markdown(small, rows)


def test_effective_real_images_have_a_column_where_they_were_measured(small: Summary) -> None:
    rows = [replace(row, worth=EffectiveReal(12.0, 7.0, None, "none", 5, 40)) for row in small.rows]
    assert "| about 12 [7, more than 40] |" in answer_markdown(small, rows)
    assert "Effective real images" not in answer_markdown(small, small.rows)


def test_markdown_without_results(small: Summary) -> None:
    text = answer_markdown(replace(small, rows=(), comparisons=()), ())
    assert "no results" in text
    assert "|" not in text
