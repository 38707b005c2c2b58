"""`--fail-if`: a condition on what an audit says, checked before any work, judged afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from prettyuseful.auditing.expression import Condition, Constant, Field, Scalar, holds, leaves, parse
from prettyuseful.auditing.result import NOT_MEASURED, Audit, AuditedCause, SyntheticSet
from prettyuseful.diagnosis.causes import cause_ids
from prettyuseful.errors import GateError, did_you_mean
from prettyuseful.metrics.rows import METRICS

_BY_METRIC = ("metrics", "controls")


@dataclass(frozen=True)
class Gate:
    """A condition, such as `synth_to_real.high < 0.5`, that no synthetic set may meet.

    Fields are those of a synthetic set, or else of the whole audit, as the JSON has them; `causes.coverage.named` is
    that of the first cause of that id, `per_class.cat.synth_to_real.mean` that of a class.
    """

    condition: Condition

    @classmethod
    def of(cls, text: str) -> Gate:
        """Raises GateError: no condition, or a field that no audit has."""
        gate = cls(parse(text))
        known = [*SyntheticSet.model_fields, *Audit.model_fields]
        for field in gate._fields():
            if field.parts[0] not in known:
                raise GateError(
                    f"--fail-if: an audit has no field {field.parts[0]!r}{did_you_mean(field.parts[0], known)}; "
                    f"known: {', '.join(SyntheticSet.model_fields)}"
                )
            _check(field)
        return gate

    def met_by(self, audit: Audit) -> list[str]:
        """Which synthetic sets meet it, and by which values.

        Raises:
            GateError: a field that is not there or was not measured.
        """
        whole = audit.as_json()
        return [
            f"{one['name']}: " + ", ".join(f"{field} is {_value(field, one, whole)}" for field in self._fields())
            for one in whole["synthetic"]
            if holds(self.condition, lambda field, one=one: _value(field, one, whole))  # type: ignore[misc]
        ]

    def _fields(self) -> Iterator[Field]:
        for leaf in leaves(self.condition):
            sides = (leaf,) if isinstance(leaf, Field | Constant) else (leaf.left, leaf.right)
            yield from (side for side in sides if isinstance(side, Field))


def _check(field: Field) -> None:
    """Follows a field through the types of the JSON, as far as they say what there is.

    Raises:
        GateError: a name that is none.
    """
    model: type[BaseModel] = SyntheticSet if field.parts[0] in SyntheticSet.model_fields else Audit
    parts = iter(field.parts)
    for part in parts:
        _must_be(part, list(model.model_fields), field)
        named, inner = _inside(model.model_fields[part].annotation)
        item = next(parts, None) if named else None
        if item is not None and inner is AuditedCause:
            _must_be(item, cause_ids(), field)
        if item is not None and part in _BY_METRIC:
            _must_be(item, list(METRICS.rows), field)
        if inner is None or (named and item is None):
            return
        model = inner


def _must_be(part: str, known: Sequence[str], field: Field) -> None:
    if part not in known:
        raise GateError(
            f"--fail-if: there is no {part!r} in {field}{did_you_mean(part, known)}; known: {', '.join(known)}"
        )


def _inside(annotation: Any) -> tuple[bool, type[BaseModel] | None]:
    """Whether a field holds several, each by a name of its own; and the model of what it holds, if it is one."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return False, option
        if get_origin(option) in (tuple, Mapping):
            return True, next((inner for part in get_args(option) if (inner := _inside(part)[1])), None)
    return False, None


def _value(field: Field, one: dict[str, Any], whole: dict[str, Any]) -> Scalar:
    found: Any = one if field.parts[0] in one else whole
    for part in field.parts:
        if isinstance(found, list):
            found = next((item for item in found if part in (item.get("id"), item.get("name"))), None)
        else:
            found = found.get(part, found) if isinstance(found, dict) and part in found else None
        if found == NOT_MEASURED:
            raise GateError(f"--fail-if: {field} was not measured; take --budget full, or leave it out")
        if found is None:
            raise GateError(f"--fail-if: there is no {field} here, it ends at {part!r}; look at what --json prints")
    if not isinstance(found, bool | int | float | str):
        raise GateError(f"--fail-if: {field} is no number, word or truth; name one of its fields")
    return found
