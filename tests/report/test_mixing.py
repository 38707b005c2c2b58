from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest
from tests.analysis.mixed_records import all_records, study_record

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.report.build import render
from prettyuseful.report.mixing import mixings

GAINS = {0: 0.0, 20: 0.02, 80: 0.1, 320: -0.08}


def summary_of(**more: object) -> Summary:
    study = study_record({"real": (10, 20), "synthetic": tuple(GAINS), **more})
    return summarise(all_records(study, lambda real, synthetic: 0.5 + 0.08 * log2(real / 10) + GAINS[synthetic]))


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summary_of(prices={"real": 0.5, "synthetic": 0.01})


def test_no_section_without_a_grid(small: Summary) -> None:
    assert mixings(small) == ()
    assert 'id="mixing"' not in render(small)


def test_each_number_of_real_images_has_a_line_and_its_best_point_is_large(summary: Summary) -> None:
    (mixing,) = mixings(summary)
    first, second = mixing.figure.data
    assert len(first["x"]) == len(first["y"]) == 4
    assert first["marker"]["size"] == second["marker"]["size"] == [8, 8, 15, 8]
    assert first["x"] != second["x"]
    assert mixing.figure.layout["xaxis"]["ticktext"] == ["0", "20", "80", "320"]
    assert [label["text"] for label in mixing.figure.layout["annotations"]] == ["10 real", "20 real"]
    assert "10 real images per class: 0 added " in mixing.figure.alt


def test_the_section_has_sentences_a_table_and_costs(small: Summary, summary: Summary) -> None:
    page = render(replace(small, mixing=summary.mixing))
    assert 'href="#mixing"' in page
    assert "80 of base add" in page
    assert "the intervals of all 6 gains hold together" in page
    assert "Cost per point" in page
    assert page.count("<td>no</td>") == 6
    assert "equally many steps" in page
    without = render(replace(small, mixing=summary_of(fixed="epochs").mixing))
    assert "Cost per point" not in without
    assert "equally many epochs" in without
