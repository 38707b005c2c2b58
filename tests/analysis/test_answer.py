from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.made_up import MACHINE, study_file, task_record

from prettyuseful.analysis.answer import answer
from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.remedies import InterventionEffects
from prettyuseful.analysis.rows import Comparison, Row
from prettyuseful.analysis.statistics import Component, Interval
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.generators.base import Origin
from prettyuseful.records import DatasetRecord, StudyRecord
from prettyuseful.transforms.degradation import Blur

CELL = ("small", "small", "rgb")
BLUR = Blur(width=0.02).model_dump(mode="json")


def interval(mean: float, half: float = 0.02) -> Interval:
    return Interval(mean=mean, low=mean - half, high=mean + half, covers="training seeds", level=0.95)


def row(name: str, accuracy: float | None, **more: Any) -> Row:
    nothing: dict[str, Any] = {
        "from_real": None,
        "gap": None,
        "seeds": (),
        "draws": {},
        "per_class": (),
        "metrics": {},
        "distribution": (),
    }
    to_real = None if accuracy is None else interval(accuracy)
    return Row(name, ClassCounts(10), CELL, to_real, **{**nothing, "calibration": {}, **more})


def answer_text(
    *rows: Row, pairs: tuple[Comparison, ...] = (), datasets: tuple[DatasetRecord, ...] = (), **train: Any
) -> str:
    study = StudyRecord(
        title="",
        question="",
        file=study_file({"soft": {}, "blurred": {"of": "real", "transform": BLUR}}, **{"seeds": [0, 1, 2], **train}),
        task=task_record(),
        metrics=[],
        cell_groups=[],
        environment=MACHINE,
    )
    effects = InterventionEffects(study, {r.dataset: r.gap for r in rows if r.gap}, {})
    return "\n".join(answer(study, datasets, rows, pairs, effects))


def test_real_images_come_first_then_data_sets_by_descending_accuracy() -> None:
    lines = answer_text(row("real", 0.9), row("low", 0.3, gap=interval(-0.6)), row("high", 0.6)).splitlines()
    assert lines == [
        "Trained on 10 real images per class, the classifier (small) reaches 90.0% [88.0, 92.0] accuracy on real test "
        "images; guessing reaches 50.0%.",
        "Trained on high, it reaches 60.0% [58.0, 62.0].",
        "Trained on low, it reaches 30.0% [28.0, 32.0], a difference of -60.0 points [-62.0, -58.0] from real images.",
    ]


def test_without_a_complete_run_there_is_one_sentence() -> None:
    assert answer_text(row("real", None)) == "No run is complete yet, so there are no results."


def test_data_sets_that_are_easier_to_recognise_than_to_learn_from_are_reported() -> None:
    easy = "of the images of base: they are easier to recognise than to learn from."
    assert easy in answer_text(row("base", 0.5, from_real=interval(0.8)))
    assert easy not in answer_text(row("base", 0.5, from_real=interval(0.52)))


@pytest.mark.parametrize(("mean", "verdict"), [(0.05, "significant"), (0.01, "not significant")])
def test_a_planned_comparison_states_its_significance(mean: float, verdict: str) -> None:
    pair = Comparison("a", "b", CELL, True, interval(mean), None)
    text = answer_text(row("a", 0.6), pairs=(pair,))
    assert f"Pre-registered comparison of a with its control b: +{100 * mean:.1f} points [" in text
    assert f"] accuracy on real images, {verdict}." in text


def selected(name: str, note: str) -> DatasetRecord:
    origin = Origin("base, some images selected", "selected", note=note)
    return DatasetRecord(
        status="complete", name=name, control=False, images_per_class=9, keys={}, of="base", generator=origin
    )


def test_a_selection_is_compared_in_words() -> None:
    pair = Comparison("pretty", "pretty-random", CELL, True, interval(-0.05), None)
    records = (
        selected("pretty", "the top half of base by prettiness"),
        selected("pretty-random", "a random half of base"),
    )
    assert (
        "Pre-registered comparison of pretty (the top half of base by prettiness) with its control pretty-random (a "
        "random half of base): -5.0 points ["
    ) in answer_text(row("pretty", 0.6), pairs=(pair,), datasets=records)


def varied(mean: float, variance: float = 1e-4) -> Interval:
    components = (Component("test images", variance, 60, 64), Component("training seeds", variance, 2, 3))
    return replace(interval(mean), components=components)


def test_what_is_not_significant_is_told_with_what_would_have_been_found() -> None:
    unclear, clear = (Comparison("a", "b", CELL, True, varied(mean), None) for mean in (0.01, 0.05))
    words = detectable_sentence(unclear.to_real)
    text = answer_text(row("a", 0.6), pairs=(unclear,))
    assert f"images, not significant (no clear difference; {words})." in text
    assert "would have found" not in answer_text(row("a", 0.6), pairs=(clear,))


def test_the_least_precise_exploratory_pair_says_what_would_have_been_found() -> None:
    pairs = tuple(
        Comparison(name, "z", CELL, False, varied(0.0, variance), None, detectable=variance)
        for name, variance in (("a", 1e-4), ("b", 9e-4))
    )
    words = detectable_sentence(pairs[1].to_real)
    both = answer_text(row("a", 0.6), pairs=pairs)
    assert f"Between b and z, the least precise of 2 pairs without a clear difference, {words}." in both
    assert f"Between b and z, {words}." in answer_text(row("a", 0.6), pairs=pairs[1:])


def test_exploratory_pairs_are_counted_and_the_largest_differences_listed() -> None:
    pairs = tuple(Comparison(name, "z", CELL, False, interval(mean), None) for name, mean in (("a", -0.1), ("b", 0.0)))
    text = answer_text(row("a", 0.6), pairs=pairs)
    assert "the accuracy of z on real images is 10.0 points [8.0, 12.0] higher than that of a." in text
    assert "1 of 2 unplanned pairs differ significantly after Holm's correction for 2 comparisons." in text


def test_a_single_training_seed_is_reported() -> None:
    assert answer_text(row("a", 0.6), seeds=[0]).endswith("do not cover the variation between training runs.")
    assert "one training seed:" not in answer_text(row("a", 0.6))


def test_the_accuracy_cost_of_a_cause_is_reported_where_it_was_measured() -> None:
    cause = CauseFinding(
        id="high-frequencies",
        direction="lost",
        effect=1.0,
        low=0.5,
        high=1.5,
        p_adjusted=0.01,
        explained=0.5,
        named=True,
        like="blur of 1 px",
        transform=BLUR,
        equivalent_to=(),
        per_class=(),
        few_classes=(),
    )
    found = Diagnosis(causes=(cause,), difference=3.0, low=2.0, high=4.0, p_value=0.01, differs=True)
    soft = DatasetRecord(status="complete", name="soft", control=False, images_per_class=9, keys={}, diagnosis=found)
    rows = row("soft", 0.6), row("blurred", 0.7, gap=interval(-0.1), of="real")
    assert (
        "Accuracy cost of high-frequencies lost for soft, if it has no other defect: training on real images after "
        "blur of 1 px lowers accuracy by 10.0 points [8.0, 12.0]."
    ) in answer_text(*rows, datasets=(soft,))


FROZEN = ("efficientnet-lite0", "frozen-features", "rgb")


@pytest.mark.parametrize(
    ("gap", "other", "verdict"),
    [
        (-0.3, -0.1, "the two measurements agree on its usefulness"),
        (0.1, -0.1, "the two measurements contradict each other on its usefulness"),
        (-0.3, 0.01, "at least one of these differences is not significant"),
    ],
)
def test_networks_and_frozen_features_are_compared(gap: float, other: float, verdict: str) -> None:
    first, second = row("soft", 0.5, gap=interval(gap)), row("soft", 0.7, gap=interval(other))
    lines = answer_text(row("real", 0.8), first, replace(row("real", 0.8), cell=FROZEN), replace(second, cell=FROZEN))
    assert f"{verdict}." in lines
    assert "by a linear probe on frozen features of efficientnet-lite0 (trained on ImageNet), soft differs" in lines
    assert "Measured in another way" not in answer_text(row("real", 0.8), first)
