from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from tests.made_up import made_up_format

from prettyuseful.auditing.result import NOT_MEASURED, Audit, audit_schema


def test_the_json_of_a_quick_audit_matches_its_schema(audit_result: Audit) -> None:
    jsonschema.validate(json.loads(json.dumps(audit_result.as_json())), audit_schema())


def test_notebook_html_is_escaped(audit_result: Audit) -> None:
    html = audit_result.model_copy(update={"notes": ("<b>",)})._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<table>" in html


def test_the_json_of_a_full_audit_matches_its_schema_and_can_be_read(full_audit: Audit) -> None:
    jsonschema.validate(full_audit.as_json(), audit_schema())
    assert Audit.model_validate_json(json.dumps(full_audit.as_json())) == full_audit


def test_a_difference_of_formats_is_part_of_the_json(full_audit: Audit) -> None:
    first, *others = full_audit.synthetic
    changed = full_audit.model_copy(
        update={"synthetic": (first.model_copy(update={"format": made_up_format("texture added")}), *others)}
    )
    content = changed.as_json()
    jsonschema.validate(content, audit_schema())
    assert Audit.model_validate(content) == changed
    assert content["synthetic"][0]["format"]["vanished"] == ["texture added"]
    assert content["synthetic"][0]["format"]["properties"][0]["real"] == "JPEG of quality 60 (4:2:0)"


@pytest.mark.parametrize(
    "change",
    [{"budget": "small"}, {"schema_version": 2}, {"more": 1}, {"real_to_real": "unknown"}, {"real_to_real": None}],
)
def test_the_schema_and_the_model_reject_the_same_documents(full_audit: Audit, change: dict[str, Any]) -> None:
    content = full_audit.as_json() | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, audit_schema())
    with pytest.raises(ValidationError):
        Audit.model_validate(content)


def test_the_table_has_a_row_for_real_images_and_for_each_set(full_audit: Audit) -> None:
    head, real, first, second = full_audit.table_rows()
    assert len({len(row) for row in (head, real, first, second)}) == 1
    assert [row[:2] for row in (real, first, second)] == [("real", "10"), ("first", "10"), ("second", "10")]
    assert [row[2][:5] for row in (real, first, second)] == ["90.0%", "40.0%", "80.0%"]
    assert first[3].startswith("70.0%")
    assert first[4] == "-50.0 points [-60.0, -40.0]"
    assert second[3:] == ("not measured",) * 3


@pytest.mark.parametrize(
    ("censored", "text"),
    [
        ("none", "4 [< 1, 6.2]"),
        ("below", "< 4 [< 6.2]"),
        ("above", ">= 4"),
        ("plateau", ">= 4"),
    ],
)
def test_effective_images_show_their_censoring(full_audit: Audit, censored: str, text: str) -> None:
    [first, _] = full_audit.synthetic
    assert first.effective_real_images_per_class != NOT_MEASURED
    effective = first.effective_real_images_per_class.model_copy(update={"censored": censored})
    changed = first.model_copy(update={"effective_real_images_per_class": effective})
    assert full_audit.model_copy(update={"synthetic": (changed,)}).table_rows()[-1][-1] == text


def test_set_names_are_escaped_in_notebook_html(full_audit: Audit) -> None:
    first = full_audit.synthetic[0].model_copy(update={"name": "<script>"})
    html = full_audit.model_copy(update={"synthetic": (first,), "report": "<i>.html"})._repr_html_()
    assert "<script>" not in html
    assert "<i>" not in html
