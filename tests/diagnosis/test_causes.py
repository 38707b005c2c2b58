from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import audit_schema
from prettyuseful.diagnosis.candidates import families
from prettyuseful.diagnosis.causes import CAUSES, Cause, CauseId, Direction, DroppableCause, Unit, cause_ids, droppable
from prettyuseful.diagnosis.findings import CauseFinding
from prettyuseful.diagnosis.fixed_patterns import FITTED_CAUSES
from prettyuseful.diagnosis.set_causes import SET_CAUSES
from prettyuseful.errors import GateError
from prettyuseful.records import schema
from prettyuseful.study.reading import json_schema


def test_every_row_has_texts_and_a_unique_name() -> None:
    assert all(cause.title and cause.meaning and cause.advice for cause in CAUSES)
    assert list(CAUSES.rows) == [f"{cause.id} {cause.direction}" for cause in CAUSES]
    assert len({cause.title for cause in CAUSES}) == len(list(CAUSES))


def test_every_cause_is_measured_either_by_changes_or_on_the_data_set() -> None:
    by_changes = {family.cause.name for family in families(100)}
    assert by_changes | set(SET_CAUSES) | set(FITTED_CAUSES) == set(CAUSES.rows)
    assert len(by_changes) + len(SET_CAUSES) + len(FITTED_CAUSES) == len(CAUSES.rows)
    assert {cause.name for cause in CAUSES if cause.least_effect is not None} == set(SET_CAUSES)


def test_ids_are_validated_and_listed_in_the_schema() -> None:
    ids = TypeAdapter(CauseId)
    assert ids.validate_python("texture") == "texture"
    assert ids.json_schema() == {"enum": list(cause_ids()), "type": "string"}
    with pytest.raises(ValidationError, match="Input should be 'labels' or 'copies' or"):
        ids.validate_python("textures")
    assert TypeAdapter(Direction).json_schema()["enum"] == ["lost", "added"]


def test_only_images_of_some_causes_can_be_dropped() -> None:
    assert list(droppable()) == ["labels", "copies", "repeats", "blank"]
    with pytest.raises(ValidationError, match="Input should be 'labels' or 'copies'"):
        TypeAdapter(DroppableCause).validate_python("coverage")


@pytest.mark.parametrize(
    ("name", "words", "of_class"),
    [
        ("labels lost", "20.0% [0.0, 30.0] of labels", "0.0%"),
        ("copies added", "20.0% [0.0, 30.0] of images", "0.0%"),
        (
            "coverage lost",
            "the distance to the nearest neighbours is 1.22 [0.90, 1.35] times that in real images",
            "0.90 times the distance",
        ),
        (
            "texture added",
            "the distance to real images falls by 0.20 [-0.10, 0.30] of the distance between classes",
            "-0.1",
        ),
    ],
)
def test_the_unit_formats_the_effect(name: str, words: str, of_class: str) -> None:
    unit = CAUSES[name].unit
    assert unit.effect_words(0.2, -0.1, 0.3) == words
    assert unit.value_words(-0.1) == of_class


@pytest.fixture
def glare(monkeypatch: pytest.MonkeyPatch) -> Cause:
    """A cause that is registered by one row."""
    unit = Unit(
        lambda effect, low, high: f"{effect} sparks, {low} to {high}", lambda value: f"{value} sparks", "sparks"
    )
    row = Cause("glare", "added", "Lights glare", "Lights are too bright.", ("Dim the lights.",), unit=unit)
    monkeypatch.setitem(CAUSES.rows, row.name, row)
    return row


def glare_finding() -> CauseFinding:
    return CauseFinding(
        id="glare",
        direction="added",
        effect=2.0,
        low=1.0,
        high=3.0,
        p_adjusted=0.01,
        explained=0.5,
        named=True,
        like="",
        equivalent_to=(),
        per_class=(1.0, 5.0, 3.0),
        few_classes=(),
    )


def test_results_schemas_and_the_gate_accept_a_new_row(glare: Cause) -> None:
    assert glare_finding().row is glare
    assert glare_finding().effect_words == "2.0 sparks, 1.0 to 3.0"
    assert "glare" in schema()["DatasetRecord"]["$defs"]["CauseFinding"]["properties"]["id"]["enum"]
    assert "glare" in audit_schema()["$defs"]["AuditedCause"]["properties"]["id"]["enum"]
    Gate.parse("causes.glare.named")


def test_studies_accept_a_new_row_whose_images_can_be_dropped(glare: Cause, monkeypatch: pytest.MonkeyPatch) -> None:
    def options() -> list[str]:
        drop = json_schema()["$defs"]["DatasetPlan"]["properties"]["drop"]
        options = [part for option in drop["anyOf"] for part in option.get("oneOf", [])]
        return [name for option in options for name in option.get("enum", [])]

    assert options() == ["labels", "copies", "repeats", "blank"]
    monkeypatch.setitem(CAUSES.rows, glare.name, Cause(**{**vars(glare), "drop": CAUSES["copies added"].drop}))
    assert options() == ["labels", "copies", "repeats", "blank", "glare"]


def test_an_unregistered_cause_is_rejected() -> None:
    with pytest.raises(ValidationError, match="id\n"):
        glare_finding()
    with pytest.raises(GateError, match=r"unknown name 'glare' in causes\.glare\.named"):
        Gate.parse("causes.glare.named")
