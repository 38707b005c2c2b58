from __future__ import annotations

from typing import Any

import pytest
from tests.made_up import MACHINE, made_up_format, study_file, task_record

from prettyuseful.analysis.remedies import InterventionEffects, Remedy, diagnosis_sentences, format_sentence
from prettyuseful.analysis.statistics import Interval
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.records import DatasetRecord, StudyRecord
from prettyuseful.transforms.colour import Colour
from prettyuseful.transforms.degradation import Blur

BLUR, VIVID = Blur(width=0.02).model_dump(mode="json"), Colour(saturation=2.0).model_dump(mode="json")
INTERVAL = Interval(mean=-0.2, low=-0.3, high=-0.1, covers="training seeds and test images", level=0.95)


def cause(name: str, direction: str, **more: Any) -> CauseFinding:
    numbers = {"effect": 0.4, "low": 0.3, "high": 0.5, "p_adjusted": 0.01, "explained": 0.6}
    rest: dict[str, Any] = {"named": True, "like": "", "equivalent_to": (), "per_class": (), "few_classes": ()}
    return CauseFinding(id=name, direction=direction, **{**numbers, **rest, **more})


def effects(datasets: dict[str, Any], **measured: Any) -> InterventionEffects:
    study = StudyRecord(
        title="",
        question="",
        file=study_file(datasets, seeds=[0]),
        task=task_record(),
        metrics=[],
        cell_groups=[],
        environment=MACHINE,
    )
    return InterventionEffects(study, measured.get("gaps", {}), measured.get("gains", {}))


def test_the_accuracy_cost_is_measured_on_real_images_after_the_change() -> None:
    found = effects(
        {"soft": {"generator": "x"}, "blurred": {"of": "real", "transform": BLUR}}, gaps={"blurred": INTERVAL}
    )
    cost = found.accuracy_cost(cause("high-frequencies", "lost", transform=BLUR))
    assert cost is not None
    assert (cost.mean, cost.low, cost.high) == (0.2, 0.1, 0.3)


@pytest.mark.parametrize(
    "plan",
    [{"of": "real", "transform": {**BLUR, "width": 0.1}}, {"of": "soft", "transform": BLUR}],
)
def test_other_changes_do_not_measure_the_accuracy_cost(plan: dict[str, Any]) -> None:
    found = effects({"soft": {}, "blurred": plan}, gaps={"blurred": INTERVAL})
    assert found.accuracy_cost(cause("high-frequencies", "lost", transform=BLUR)) is None
    assert found.accuracy_cost(cause("labels", "lost")) is None


def test_a_remedy_drops_images_or_undoes_the_change() -> None:
    found = effects(
        {
            "soft": {},
            "clean": {"of": "soft", "drop": "labels", "control": "soft"},
            "vivid": {"of": "soft", "transform": VIVID, "control": "soft"},
        },
        gains={("clean", "soft"): INTERVAL, ("vivid", "soft"): INTERVAL},
    )
    assert found.remedy("soft", cause("labels", "lost")) == Remedy("clean", INTERVAL)
    assert found.remedy("soft", cause("colour-contrast", "lost", undo=VIVID)) == Remedy("vivid", INTERVAL)
    assert found.remedy("soft", cause("copies", "added")) is None
    assert found.remedy("soft", cause("high-frequencies", "lost")) is None
    assert found.remedy("other", cause("labels", "lost")) is None


def sentence(*causes: CauseFinding, differs: bool = True) -> str:
    found = Diagnosis(causes=causes, difference=3.0, low=2.0, high=4.0, p_value=0.01, differs=differs)
    record = DatasetRecord(status="complete", name="ours", control=False, images_per_class=9, keys={}, diagnosis=found)
    [text] = diagnosis_sentences([record, record.model_copy(update={"diagnosis": None})])
    return text


def test_all_reported_causes_are_in_one_sentence() -> None:
    blur = cause("high-frequencies", "lost", like="blur of 1 px", equivalent_to=("texture", "structure"))
    unnamed = cause("texture", "added", named=False)
    assert sentence(blur, cause("labels", "lost"), unnamed) == (
        "Reported causes for ours, largest first: high-frequencies lost (equivalent to blur of 1 px, explains 60% of "
        "the difference; texture or structure explains it equally well); labels lost (40.0% [30.0, 50.0] of labels)."
    )


def test_sentences_for_an_unknown_cause_and_for_no_difference() -> None:
    unnamed = cause("texture", "added", named=False)
    assert sentence(unnamed) == "ours differs significantly from real images; the cause is unknown."
    assert sentence(unnamed, differs=False).startswith("ours does not differ significantly from real images")


def test_a_difference_of_formats_is_a_sentence_before_the_causes() -> None:
    found = Diagnosis(
        causes=(), difference=0.1, low=-1, high=1, p_value=0.5, differs=False, format=made_up_format("texture added")
    )
    record = DatasetRecord(status="complete", name="ours", control=False, images_per_class=9, keys={}, diagnosis=found)
    assert format_sentence(record) == (
        "ours: the files differ in format: the real images are JPEG of quality 60 (4:2:0); the synthetic images are "
        "PNG; 1 cause disappears when both sides are given the same format."
    )
    assert diagnosis_sentences([record]) == [
        format_sentence(record),
        "ours does not differ significantly from real images, so no cause is reported.",
    ]
    assert format_sentence(record.model_copy(update={"diagnosis": None})) == ""
