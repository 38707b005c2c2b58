"""`--fail-if`: a condition on the result of an audit. It is checked before the audit runs and evaluated afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from prettyuseful.auditing.expression import Condition, Constant, Field, Scalar, holds, leaves, parse
from prettyuseful.auditing.result import NOT_MEASURED, Audit, AuditedCause, SyntheticSet
from prettyuseful.checks.places import DataReport
from prettyuseful.checks.rows import check_ids
from prettyuseful.diagnosis.causes import cause_ids
from prettyuseful.errors import GateError, did_you_mean
from prettyuseful.metrics.rows import METRICS

_BY_METRIC = ("metrics", "controls")


@dataclass(frozen=True)
class Gate:
    """A condition such as `synth_to_real.high < 0.5`; the audit fails if any synthetic set satisfies it.

    Fields are those of a synthetic set in the audit's JSON, or else of the whole audit. `causes.coverage.named` refers
    to the first cause with the id `coverage`, `per_class.cat.synth_to_real.mean` to the class `cat`, and `data.leaked`
    to the number of images that a data check found. A condition on data checks alone has the fields of a `DataReport`.
    """

    condition: Condition

    @classmethod
    def parse(cls, text: str, models: Sequence[type[BaseModel]] = (SyntheticSet, Audit)) -> Gate:
        """Parse a condition and check its fields.

        Args:
            text: the condition.
            models: the models that have the fields; error messages list the fields of the first one.

        Raises:
            GateError: `text` is not a condition, or it names a field that none of the models has.
        """
        gate = cls(parse(text))
        known = [name for model in models for name in model.model_fields]
        for field in gate._fields():
            if field.parts[0] not in known:
                raise GateError(
                    f"--fail-if: unknown field {field.parts[0]!r}{did_you_mean(field.parts[0], known)}; "
                    f"valid fields: {', '.join(models[0].model_fields)}"
                )
            _check_field(field, next(model for model in models if field.parts[0] in model.model_fields))
        return gate

    def satisfied_by(self, audit: Audit) -> list[str]:
        """Return one line for each synthetic set that satisfies the condition, with the values of its fields.

        Raises:
            GateError: a field that the audit does not have or did not measure.
        """
        document = audit.as_json()
        lines = []
        for synthetic_set in document["synthetic"]:

            def value_of(field: Field, synthetic_set: dict[str, Any] = synthetic_set) -> Scalar:
                return _value(field, synthetic_set, document)

            if holds(self.condition, value_of):
                values = ", ".join(f"{field} is {value_of(field)}" for field in self._fields())
                lines.append(f"{synthetic_set['name']}: {values}")
        return lines

    def satisfied_by_data(self, report: DataReport) -> list[str]:
        """Return one line with the values of the fields if the result of data checks satisfies the condition.

        Raises:
            GateError: a field that the result does not have.
        """
        document = report.as_json()

        def value_of(field: Field) -> Scalar:
            return _value(field, document, document)

        if not holds(self.condition, value_of):
            return []
        return [", ".join(f"{field} is {value_of(field)}" for field in self._fields())]

    def _fields(self) -> Iterator[Field]:
        for leaf in leaves(self.condition):
            operands = (leaf,) if isinstance(leaf, Field | Constant) else (leaf.left, leaf.right)
            yield from (operand for operand in operands if isinstance(operand, Field))


def _check_field(field: Field, model: type[BaseModel]) -> None:
    """Follow a field through the types of the JSON models, as far as these determine the valid names.

    Raises:
        GateError: an unknown name.
    """
    parts = iter(field.parts)
    for part in parts:
        _check_name(part, list(model.model_fields), field)
        is_collection, item_model = _collection_and_model(model.model_fields[part].annotation)
        item = next(parts, None) if is_collection else None
        if item is not None and item_model is AuditedCause:
            _check_name(item, cause_ids(), field)
        if item is not None and part == "data":
            _check_name(item, check_ids(), field)
        if item is not None and part in _BY_METRIC:
            _check_name(item, list(METRICS.rows), field)
        if item_model is None or (is_collection and item is None):
            return
        model = item_model


def _check_name(part: str, known: Sequence[str], field: Field) -> None:
    if part not in known:
        raise GateError(
            f"--fail-if: unknown name {part!r} in {field}{did_you_mean(part, known)}; valid names: {', '.join(known)}"
        )


def _collection_and_model(annotation: Any) -> tuple[bool, type[BaseModel] | None]:
    """Return whether a field holds several named items, and the model of its items or of its value, if any."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return False, option
        if get_origin(option) in (tuple, Mapping):
            models = (_collection_and_model(part)[1] for part in get_args(option))
            return True, next((model for model in models if model), None)
    return False, None


def _value(field: Field, synthetic_set: dict[str, Any], document: dict[str, Any]) -> Scalar:
    """Look up a field in the JSON of a synthetic set, or else of the whole audit."""
    value: Any = synthetic_set if field.parts[0] in synthetic_set else document
    for part in field.parts:
        if isinstance(value, list):
            value = next(
                (item for item in value if isinstance(item, dict) and part in (item.get("id"), item.get("name"))), None
            )
        else:
            value = value.get(part, value) if isinstance(value, dict) and part in value else None
        if value == NOT_MEASURED:
            raise GateError(f"--fail-if: {field} was not measured; use --budget full, or remove it from the condition")
        if value is None:
            raise GateError(f"--fail-if: this audit has no {field} ({part!r} is missing); see the output of --json")
    if not isinstance(value, bool | int | float | str):
        raise GateError(f"--fail-if: {field} is not a number, text or true/false; name one of its fields")
    return value
