from __future__ import annotations

import re

from tests.analysis.test_selections import summary
from tests.report.conftest import Make

from prettyuseful.report.build import render
from prettyuseful.report.selections import selection_table


def test_a_study_without_selections_has_no_table(make: Make) -> None:
    assert selection_table(make()) is None
    assert 'id="selections"' not in render(make())


def test_means_come_first_and_have_no_accuracies() -> None:
    table = selection_table(summary("base", "other"))
    assert table is not None
    assert [row.title for row in table.rows] == [
        "The prettier half: mean of 2 data sets",
        "The less pretty half: mean of 2 data sets",
        "The prettier half of base",
        "The less pretty half of base",
        "The prettier half of other",
        "The less pretty half of other",
    ]
    assert [row.selected is None for row in table.rows] == [True, True, False, False, False, False]
    ends = [abs(end) for row in table.rows for end in (row.effect.difference.low, row.effect.difference.high)]
    assert table.widest == max(ends)


def test_the_table_stands_before_the_accuracies_and_names_what_intervals_cover() -> None:
    page = render(summary("base"))
    assert page.index('id="selections"') < page.index('class="lead"')
    [row] = re.findall(r"<tr>\s*<th[^>]*>The prettier half of base</th>.*?</tr>", page, re.DOTALL)
    assert "significant" in row
    assert "Intervals cover the images that are selected, 4 training seeds and the choice of test images." in page
