from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.findings import CauseFinding, ChangeResult, Diagnosis, ExampleImages


def finding(name: str, **more: Any) -> CauseFinding:
    row = CAUSES[name]
    numbers = {"effect": 0.1 + 0.2, "low": 1 / 3, "high": 0.7, "p_adjusted": 1e-5, "explained": 0.5}
    rest: dict[str, Any] = {"named": True, "like": "", "equivalent_to": (), "few_classes": ()}
    return CauseFinding(id=row.id, direction=row.direction, **{**numbers, **rest, "per_class": (3.0, 1.0, 2.0), **more})


def diagnosis(*causes: CauseFinding, differs: bool = True) -> Diagnosis:
    return Diagnosis(causes=causes, difference=1 / 3, low=0.1, high=0.9, p_value=0.01, differs=differs)


def test_a_finding_uses_the_texts_of_its_row() -> None:
    assert finding("labels lost").row is CAUSES["labels lost"]
    assert finding("labels lost").effect_words == "30.0% [33.3, 70.0] of labels"
    assert finding("texture added").class_words(2) == "2"


def test_the_unit_decides_whether_the_highest_or_the_lowest_class_is_worst() -> None:
    assert finding("texture added").worst_classes == [0, 2, 1]
    assert finding("coverage lost").worst_classes == [1, 2, 0]
    assert finding("texture lost", per_class=(1.0, 1.0)).worst_classes == [0, 1]


def test_a_diagnosis_survives_a_json_round_trip_exactly() -> None:
    examples = (ExampleImages(words="images", images=("aGk=",), titles=("one",)),)
    causes = (finding("texture added", transform={"kind": "jpeg", "quality": 30}, examples=examples),)
    tried = (ChangeResult(cause="texture", direction="added", like="JPEG of quality 30", explained=1 / 7),)
    whole = diagnosis(*causes).model_copy(update={"tried": tried, "by_kind": {"colour": (np.pi, 1 / 3)}})
    assert Diagnosis.model_validate_json(whole.model_dump_json()) == whole


def test_a_difference_without_a_reported_cause_has_an_unknown_cause() -> None:
    unnamed = finding("texture added", named=False)
    assert diagnosis(unnamed).cause_unknown
    assert not diagnosis(unnamed, differs=False).cause_unknown
    named = diagnosis(unnamed, finding("labels lost"))
    assert not named.cause_unknown
    assert [cause.id for cause in named.named] == ["labels"]


@pytest.mark.parametrize("wrong", [{"id": "textures"}, {"direction": "gone"}, {"equivalent_to": ("textures",)}])
def test_a_finding_rejects_unknown_causes(wrong: dict[str, Any]) -> None:
    content = finding("texture added").model_dump()
    with pytest.raises(ValidationError, match="Input should be"):
        CauseFinding.model_validate({**content, **wrong})
