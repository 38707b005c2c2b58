"""`--fail-if`: a condition on what an audit says, checked before any work, judged afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prettyuseful.auditing.expression import Condition, Constant, Field, Scalar, holds, leaves, parse
from prettyuseful.auditing.result import NOT_MEASURED, Audit, SyntheticSet
from prettyuseful.errors import GateError, did_you_mean


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
