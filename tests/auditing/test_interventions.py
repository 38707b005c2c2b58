from __future__ import annotations

from typing import Any

from prettyuseful.auditing.interventions import interventions
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.records import DatasetRecord
from prettyuseful.study.reading import parse_study

BLUR = {"kind": "blur", "width": 0.03}
PALER, STRONGER = {"kind": "colour", "saturation": 0.5}, {"kind": "colour", "saturation": 2.0}


def cause(name: str, direction: str, named: bool = True, **more: Any) -> CauseFinding:
    numbers = {"effect": 1.0, "low": 0.5, "high": 1.5, "p_adjusted": 0.01, "explained": 0.5}
    rest = {"like": "", "equivalent_to": (), "per_class": (), "few_classes": ()}
    return CauseFinding(id=name, direction=direction, named=named, **numbers, **rest, **more)


def record(*causes: CauseFinding) -> DatasetRecord:
    diagnosis = Diagnosis(causes=causes, difference=1.0, low=0.0, high=2.0, p_value=0.01, differs=True)
    return DatasetRecord(
        status="complete", name="ours", control=False, images_per_class=40, keys={}, diagnosis=diagnosis
    )


def test_every_reported_cause_has_interventions() -> None:
    plans = interventions(
        [
            record(
                cause("high-frequencies", "lost", transform=BLUR),
                cause("colour-contrast", "lost", transform=PALER, undo=STRONGER),
                cause("labels", "lost"),
                cause("copies", "added"),
                cause("coverage", "lost"),
                cause("texture", "added", named=False, transform={"kind": "jpeg", "quality": 30}),
            )
        ]
    )
    derived = {"of": "ours", "images_per_class": 40, "control": "ours"}
    assert plans == {
        "ours.real-with-high-frequencies-lost": {"of": "real", "images_per_class": 40, "transform": BLUR},
        "ours.real-with-colour-contrast-lost": {"of": "real", "images_per_class": 40, "transform": PALER},
        "ours.without-colour-contrast-lost": {**derived, "transform": STRONGER},
        "ours.without-suspect-labels": {**derived, "drop": "labels"},
        "ours.without-copies": {**derived, "drop": "copies"},
    }


def test_interventions_are_valid_data_sets_of_a_study() -> None:
    plans = interventions(
        [record(cause("colour-contrast", "lost", transform=PALER, undo=STRONGER), cause("labels", "lost"))]
    )
    base = {"generator": "pocket-base", "images_per_class": 40}
    study = parse_study(f"version: 1\ntask: photos\ndatasets: { {'ours': base, **plans} }\n", "audit")
    assert list(study.datasets) == ["ours", *plans]
    assert study.image_sources("ours.real-with-colour-contrast-lost") == {"real"}
    assert study.image_sources("ours.without-suspect-labels") == {"ours"}


def test_without_a_diagnosis_there_are_no_interventions() -> None:
    plain = record().model_copy(update={"diagnosis": None})
    assert interventions([plain, record()]) == {}
