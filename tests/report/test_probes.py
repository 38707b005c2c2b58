from __future__ import annotations

import re
from pathlib import Path

import pytest

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.records import Record, RunRecord, StudyRecord, read_records
from prettyuseful.report.build import render
from prettyuseful.report.probes import compare_probes
from prettyuseful.report.series_style import series_styles

EDGES = ("bagnet9", "small-texture", "edges")  # another architecture and recipe, as a probe may have


def probed(records: list[Record]) -> Summary:
    """Summarise a finished study as if it had been run with two probes."""
    more: list[Record] = []
    for record in records:
        if isinstance(record, StudyRecord):
            (group,) = record.cell_groups
            (cell,) = group.cells
            both = group.model_copy(update={"cells": [cell, EDGES]})
            record = record.model_copy(update={"cell_groups": [both]})
        more.append(record)
        if isinstance(record, RunRecord):
            architecture, recipe, probe = EDGES
            more.append(record.model_copy(update={"architecture": architecture, "recipe": recipe, "probe": probe}))
    return summarise(more)


@pytest.fixture(scope="module")
def records(finished: Path) -> list[Record]:
    return read_records(finished / "out" / "records")


def test_one_probe_is_no_comparison_of_compare_probes(records: list[Record]) -> None:
    summary = summarise(records)
    assert compare_probes(summary, series_styles(summary)) == ()
    assert 'id="probes"' not in render(summary)


def test_every_data_set_has_a_row_for_every_probe(records: list[Record]) -> None:
    summary = probed(records)
    (comparison,) = compare_probes(summary, series_styles(summary))
    assert comparison.probes == ("rgb", "edges (bagnet9)")
    assert {line.style.label for line in comparison.lines} == {"real", "tiny", "captioned"}
    for line in comparison.lines:
        for row in line.rows:
            assert row is not None
            assert row.to_real is not None
            assert f"{row.to_real.mean:.1%}" in comparison.figure.alt
    assert len(comparison.figure.data) == 3 * 2


def test_the_page_shows_accuracies_and_gaps(records: list[Record]) -> None:
    page = render(probed(records))
    section = page[page.index('<section id="probes">') : page.index('<section id="transfer"')]
    assert section.count("<tr><th") >= 3
    assert re.search(r"<th scope=\"col\">edges \(bagnet9\)</th>", section)
    assert 'href="#probes"' in page
