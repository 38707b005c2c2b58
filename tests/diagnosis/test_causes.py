from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import audit_schema
from prettyuseful.diagnosis.candidates import families
from prettyuseful.diagnosis.causes import CAUSES, Cause, CauseId, Direction, DroppableCause, Unit, cause_ids, droppable
from prettyuseful.diagnosis.findings import FoundCause
from prettyuseful.diagnosis.set_causes import SET_CAUSES
from prettyuseful.errors import GateError
from prettyuseful.records import schema
from prettyuseful.study.reading import json_schema


def test_every_row_has_words_and_its_name_once() -> None:
    assert all(cause.title and cause.meaning and cause.advice for cause in CAUSES)
    assert list(CAUSES.rows) == [f"{cause.id} {cause.direction}" for cause in CAUSES]
    assert len({cause.title for cause in CAUSES}) == len(list(CAUSES))


def test_every_cause_is_measured_either_by_changes_or_on_the_set() -> None:
    by_changes = {family.cause.name for family in families(100)}
    assert by_changes | set(SET_CAUSES) == set(CAUSES.rows)
    assert not by_changes & set(SET_CAUSES)
    assert {cause.name for cause in CAUSES if cause.least_effect is not None} == set(SET_CAUSES)


def test_ids_are_checked_and_in_the_schema() -> None:
    ids = TypeAdapter(CauseId)
    assert ids.validate_python("texture") == "texture"
    assert ids.json_schema() == {"enum": list(cause_ids()), "type": "string"}
    with pytest.raises(ValidationError, match="Input should be 'labels' or 'copies' or"):
        ids.validate_python("textures")
    assert TypeAdapter(Direction).json_schema()["enum"] == ["lost", "added"]


def test_only_some_causes_can_be_dropped() -> None:
    assert list(droppable()) == ["labels", "copies"]
    with pytest.raises(ValidationError, match="Input should be 'labels' or 'copies'"):
        TypeAdapter(DroppableCause).validate_python("coverage")


@pytest.mark.parametrize(
    ("name", "words", "of_class"),
    [
        ("labels lost", "20% [0, 30] of labels", "0%"),
        ("copies added", "20% [0, 30] of images", "0%"),
        (
            "coverage lost",
            "neighbours at 1.22 [0.90, 1.35] times the distance in real images",
            "0.90 times the distance",
        ),
        ("texture added", "real images come 0.2 [-0.1, 0.3] standard deviations nearer", "-0.1"),
    ],
)
def test_an_effect_is_put_into_words_by_its_unit(name: str, words: str, of_class: str) -> None:
    unit = CAUSES[name].unit
    assert unit.effect_words(0.2, -0.1, 0.3) == words
    assert unit.value_words(-0.1) == of_class


@pytest.fixture
def glare(monkeypatch: pytest.MonkeyPatch) -> Cause:
    """A cause that is added in one place."""
    unit = Unit(
        lambda effect, low, high: f"{effect} sparks, {low} to {high}", lambda value: f"{value} sparks", "sparks"
    )
    row = Cause("glare", "added", "Lights glare", "Lights are too bright.", ("Dim the lights.",), unit=unit)
    monkeypatch.setitem(CAUSES.rows, row.name, row)
    return row


def found_glare() -> FoundCause:
    return FoundCause(
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


def test_a_new_row_is_known_to_results_schemas_and_the_gate(glare: Cause) -> None:
    assert found_glare().row is glare
    assert found_glare().effect_words == "2.0 sparks, 1.0 to 3.0"
    assert "glare" in schema()["DatasetRecord"]["$defs"]["FoundCause"]["properties"]["id"]["enum"]
    assert "glare" in audit_schema()["$defs"]["AuditedCause"]["properties"]["id"]["enum"]
    Gate.of("causes.glare.named")


def test_a_new_row_that_can_be_dropped_is_known_to_studies(glare: Cause, monkeypatch: pytest.MonkeyPatch) -> None:
    def options() -> list[str]:
        drop = json_schema()["$defs"]["DatasetPlan"]["properties"]["drop"]
        return [name for one in drop["anyOf"] for name in one.get("enum", [])]

    assert options() == ["labels", "copies"]
    monkeypatch.setitem(CAUSES.rows, glare.name, Cause(**{**vars(glare), "drop": CAUSES["copies added"].drop}))
    assert options() == ["labels", "copies", "glare"]


def test_without_the_row_nothing_knows_it() -> None:
    with pytest.raises(ValidationError, match="id\n"):
        found_glare()
    with pytest.raises(GateError, match=r"there is no 'glare' in causes\.glare\.named"):
        Gate.of("causes.glare.named")
