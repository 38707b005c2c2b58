from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from prettyuseful.auditing.result import NOT_MEASURED, Audit, audit_schema


def test_its_json_fits_its_schema(found: Audit) -> None:
    jsonschema.validate(json.loads(json.dumps(found.as_json())), audit_schema())


def test_it_shows_itself_in_a_notebook_escaped(found: Audit) -> None:
    html = found.model_copy(update={"notes": ("<b>",)})._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<table>" in html


def test_a_full_one_fits_the_schema_too_and_comes_back(full: Audit) -> None:
    jsonschema.validate(full.as_json(), audit_schema())
    assert Audit.model_validate_json(json.dumps(full.as_json())) == full


@pytest.mark.parametrize(
    "change",
    [{"budget": "small"}, {"schema_version": 2}, {"more": 1}, {"real_to_real": "unknown"}, {"real_to_real": None}],
)
def test_the_schema_and_the_model_refuse_the_same(full: Audit, change: dict[str, Any]) -> None:
    content = full.as_json() | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, audit_schema())
    with pytest.raises(ValidationError):
        Audit.model_validate(content)


def test_a_row_for_the_real_images_and_for_each_set(full: Audit) -> None:
    head, real, first, second = full.rows()
    assert len({len(row) for row in (head, real, first, second)}) == 1
    assert [row[:2] for row in (real, first, second)] == [("real", "10"), ("first", "10"), ("second", "10")]
    assert [row[2][:5] for row in (real, first, second)] == ["90.0%", "40.0%", "80.0%"]
    assert first[3].startswith("70.0%")
    assert first[4] == "-50.0 points [-60.0, -40.0]"
    assert second[3:] == ("not measured",) * 3


@pytest.mark.parametrize(
    ("censored", "words"),
    [
        ("none", "4 [..., 6.25]"),
        ("below", "< 4 [..., 6.25]"),
        ("above", "> 4 [..., 6.25]"),
        ("plateau", ">= 4 [..., 6.25]"),
    ],
)
def test_what_a_set_is_worth_says_where_the_curve_ends(full: Audit, censored: str, words: str) -> None:
    [one, _] = full.synthetic
    assert one.effective_real_images_per_class != NOT_MEASURED
    worth = one.effective_real_images_per_class.model_copy(update={"censored": censored})
    changed = one.model_copy(update={"effective_real_images_per_class": worth})
    assert full.model_copy(update={"synthetic": (changed,)}).rows()[-1][-1] == words


def test_names_of_sets_cannot_bring_markup_into_a_notebook(full: Audit) -> None:
    one = full.synthetic[0].model_copy(update={"name": "<script>"})
    html = full.model_copy(update={"synthetic": (one,), "report": "<i>.html"})._repr_html_()
    assert "<script>" not in html
    assert "<i>" not in html
