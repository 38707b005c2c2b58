"""Every kind of condition can be written in a study file."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from prettyuseful.generators.conditions.rows import AnyCondition

KINDS: dict[str, dict[str, object]] = {
    "image": {},
    "inpaint": {},
    "edit": {"instruction": "a {class} in snow"},
    "image-prompt": {"adapter": {"id": "h94/IP-Adapter"}},
}


def test_the_kind_determines_the_class() -> None:
    union, _ = get_args(AnyCondition)
    found = {kind: TypeAdapter(AnyCondition).validate_python({"kind": kind, **more}) for kind, more in KINDS.items()}
    assert {type(condition) for condition in found.values()} == set(get_args(union))
    assert all(condition.model_dump()["kind"] == kind and condition.words for kind, condition in found.items())


def test_unknown_kinds_and_settings_are_errors() -> None:
    for wrong in ({"kind": "control"}, {"kind": "image", "scale": 1}, {"kind": "image", "strength": 0}):
        with pytest.raises(ValidationError):
            TypeAdapter(AnyCondition).validate_python(wrong)
