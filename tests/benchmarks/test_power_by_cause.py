"""Curves of the share of planted changes that a diagnosis finds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.diagnosis.world import draw, reference_of

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from power_by_cause import SET_DEFECTS, Curve, markdown_table, pixel_curves

from prettyuseful.diagnosis.causes import CAUSES


@pytest.fixture(scope="module")
def curves() -> list[Curve]:
    return list(pixel_curves(reference_of(draw(1), draw(2))))


@pytest.mark.slow
def test_stronger_changes_are_found_more_often(curves: list[Curve]) -> None:
    [contrast] = [curve for curve in curves if curve.words == "contrast multiplied by s" and "0.35" in curve.found]
    assert list(contrast.found) == ["0.9", "0.8", "0.65", "0.5", "0.35"]
    assert contrast.found["0.9"] <= contrast.found["0.35"]
    assert contrast.found["0.35"] == 1


@pytest.mark.slow
def test_every_cause_of_the_whole_set_has_a_curve(curves: list[Curve]) -> None:
    fitted = {"frame", "background", "overlay", "periodic", "shading"}  # not candidates of every data set
    ids = {row.id for row in CAUSES.rows.values()}
    assert {curve.cause for curve in curves} | {defect.cause for defect in SET_DEFECTS} == ids - fitted


def test_the_table_has_a_column_for_each_number_of_images() -> None:
    first, second = Curve("labels", "", {"5%": 0.2}), Curve("labels", "", {"5%": 1.0})
    assert markdown_table({30: [first], 100: [second]}).splitlines() == [
        "| cause | change of strength s | 30 images per class | 100 images per class |",
        "| --- | --- | --- | --- |",
        "| `labels` |  | 5%: 20% | 5%: 100% |",
    ]
