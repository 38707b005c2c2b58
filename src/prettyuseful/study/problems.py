"""Error messages of study files: pydantic's validation errors as one-line messages with path and valid values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from prettyuseful.errors import did_you_mean, one_line
from prettyuseful.study.expected import describe_expected, describe_value, join_alternatives
from prettyuseful.study.schema import Slot, shape_of

Keys = tuple[Any, ...]
"""The path to a value of the file: keys of mappings and indices of lists."""

_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_CUSTOM_ERRORS = ("value_error", "assertion_error")  # raised by our validators, with complete messages
_PYDANTIC_ERRORS = get_args(ErrorType)
_MAX_ERRORS = 100  # one is printed; a hostile file has a hundred thousand
_MISSING: Any = object()  # the value at a path that is not in the file


@dataclass(frozen=True)
class Problem:
    """One problem of a study file: the path of the value and a one-line message."""

    keys: Keys
    message: str
    unknown_key: bool = False


def find_problems(error: ValidationError, model: type[BaseModel], content: object) -> list[Problem]:
    """Return the problems of `content`, which `error` reports as not valid for `model`; unknown keys come first.

    For a union, only the problems of the most likely branch are reported. Problems of a whole mapping or list are left
    out where a problem inside it explains them.
    """
    details = error.errors(include_url=False)[:_MAX_ERRORS]
    errors = [_Error(tuple(detail["loc"]), detail) for detail in details]
    problems = [*_Location((), content).problems(Slot.from_annotation(model), errors)]
    containers = {problem.keys[:depth] for problem in problems for depth in range(len(problem.keys))}
    innermost = (problem for problem in problems if problem.keys not in containers)
    return sorted(innermost, key=lambda problem: not problem.unknown_key) or problems


@dataclass(frozen=True)
class _Error:
    """A pydantic error below some location.

    `path`: the rest of pydantic's location, which also contains the tags of union branches.
    """

    path: Keys
    details: ErrorDetails

    @property
    def type(self) -> str:
        return self.details["type"]


@dataclass(frozen=True)
class _Location:
    """A location in the study file with its value. `private`: messages must not contain values from here."""

    keys: Keys
    value: Any
    private: bool = False

    def problems(self, slot: Slot, errors: Sequence[_Error]) -> Iterator[Problem]:
        """Yield the problems at and below this location, whose type is `slot`."""
        if slot.branches:
            yield from self._union_problems(slot, errors)
            return
        yield from (self._value_problem(slot, error) for error in errors if not error.path)
        for key, inner in _group_by_first_key(errors).items():
            if slot.model:
                yield from self._model_problems(slot, key, inner)
            elif slot.values:
                yield from self._mapping_problems(slot.values, key, inner)
            elif slot.is_list and isinstance(key, int):
                if slot.items is not None and any(error.type == "missing" and not error.path for error in inner):
                    yield self._type_problem(slot, self.value)
                else:
                    yield from self._child(key).problems(slot.item(key), inner)
            else:  # an unknown type
                yield from (self._value_problem(Slot(Any), error) for error in inner)

    def _model_problems(self, slot: Slot, key: Any, errors: Sequence[_Error]) -> Iterator[Problem]:
        child = self._child(key, bool(slot.model and slot.model.model_config.get("hide_input_in_errors")))
        first = errors[0]
        if first.type in _UNKNOWN_KEY and not first.path:
            yield self._unknown_key_problem(slot, key)
        elif first.type == "missing" and not first.path:
            yield Problem(child.keys, f"{child.path!r} is missing; expected {describe_expected(slot.fields[key])}")
        else:
            yield from child.problems(slot.fields.get(key, Slot(Any)), errors)

    def _mapping_problems(self, values: Slot, key: Any, errors: Sequence[_Error]) -> Iterator[Problem]:
        key_errors = [error for error in errors if error.path == ("[key]",)]
        for error in key_errors:
            child = self._child(key)
            if isinstance(child.keys[-1], str):
                yield child._value_problem(Slot(Any), error)
            else:
                message = f"{self._prefix}the key {describe_value(child.keys[-1])} must be text; write it in quotes"
                yield Problem(child.keys, message)
        if value_errors := [error for error in errors if error not in key_errors]:
            yield from self._child(key).problems(values, value_errors)

    def _union_problems(self, slot: Slot, errors: Sequence[_Error]) -> Iterator[Problem]:
        groups = _group_by_first_key(errors)
        if slot.discriminator is not None:
            yield from (self._tag_problem(slot, error) for error in errors if not error.path)
            branches = {branch.tag: branch for branch in slot.branches}
            for tag, inner in groups.items():
                yield from self.problems(branches.get(tag, Slot(Any)), inner)
            return
        direct = [error for inner in groups.values() for error in inner if not error.path]
        value = direct[0].details["input"] if self.value is _MISSING and direct else self.value
        if custom := [error for error in direct if error.type in _CUSTOM_ERRORS]:
            yield self._value_problem(slot, custom[0])
            return
        # Pydantic reports the errors of every branch in their order, but merges branches with equal tags.
        candidates = [
            (branch, inner)
            for branch, inner in zip(slot.branches, groups.values(), strict=False)
            if shape_of(value) in branch.shapes
        ]
        if len(groups) != len(slot.branches) or not candidates or shape_of(value) == "scalar":
            yield self._type_problem(slot, value)
            return
        yield from self.problems(*min(candidates, key=lambda candidate: _mismatches(*candidate)))

    def _value_problem(self, slot: Slot, error: _Error) -> Problem:
        if error.type in _CUSTOM_ERRORS:
            return Problem(self.keys, f"{self._prefix}{_lowercase_first(str(error.details['ctx']['error']))}")
        if error.type not in _PYDANTIC_ERRORS and not slot.registered_names:  # raised by a validator
            slot = Slot(Any)
        return self._type_problem(slot, error.details["input"], error.details["msg"])

    def _tag_problem(self, slot: Slot, error: _Error) -> Problem:
        """Return the problem of a missing or unknown discriminator, or of a value that is not a mapping."""
        key, tags = slot.discriminator or "", [str(branch.tag) for branch in slot.branches]
        if not isinstance(error.details["input"], Mapping) or not key:
            return self._type_problem(slot, error.details["input"], error.details["msg"])
        child, value = self._child(key), error.details["input"].get(key)
        if key not in error.details["input"]:
            return Problem(child.keys, f"{child.path!r} is missing; expected {join_alternatives(tags)}")
        hint = did_you_mean(value, tags) if isinstance(value, str) else ""
        expected, actual = join_alternatives(tags), describe_value(value, self.private)
        return Problem(child.keys, f"{child._prefix}expected {expected}, got {actual}{hint}")

    def _type_problem(self, slot: Slot, value: object, pydantic_message: str = "") -> Problem:
        """Return the problem of an invalid value; `pydantic_message` is used for types without a description."""
        description = describe_expected(slot)
        problem = f"expected {description}" if description else _lowercase_first(pydantic_message)
        alternatives = [str(literal) for literal in slot.literals if str(literal) != value]
        hint = did_you_mean(value, alternatives) if isinstance(value, str) else ""
        return Problem(self.keys, f"{self._prefix}{problem}, got {describe_value(value, self.private)}{hint}")

    def _unknown_key_problem(self, slot: Slot, key: Any) -> Problem:
        child = self._child(key)
        present = self.value if isinstance(self.value, Mapping) else {}
        unused = [name for name in slot.fields if name not in present]
        missing = [name for name in slot.required if name in unused]
        hint = did_you_mean(key, unused) if isinstance(key, str) else ""
        if not hint and len(missing) == 1:  # the only missing key is probably meant
            hint = f"; did you mean {missing[0]!r}?"
        is_value = any(slot.tag in part.literals for part in slot.fields.values())  # else a function chose the branch
        kind = f" ({slot.tag})" if slot.tag and is_value else ""
        location = f" in {self.path}{kind}" if self.keys else ""
        message = f"unknown key {describe_value(child.keys[-1])}{location}{hint}; valid keys: {', '.join(slot.fields)}"
        return Problem(child.keys, message, unknown_key=True)

    def _child(self, key: Any, private: bool = False) -> _Location:
        value: Any = _MISSING
        if isinstance(self.value, Mapping):
            if not isinstance(key, str) or key not in self.value:  # pydantic converts other keys to text
                originals = (k for k in self.value if k == key or (not isinstance(k, int) and repr(k) == key))
                key = next(originals, key)
            value = self.value.get(key, _MISSING)
        elif isinstance(key, int) and shape_of(self.value) == "list" and key < len(self.value):
            value = self.value[key]
        return _Location((*self.keys, key), value, self.private or private)

    @property
    def path(self) -> str:
        """The path to this location, such as `datasets.base.seed`."""
        return ".".join(one_line(key) if isinstance(key, str) else describe_value(key) for key in self.keys)

    @property
    def _prefix(self) -> str:
        return f"{self.path}: " if self.keys else ""


def _lowercase_first(sentence: str) -> str:
    """Return the sentence in one line, for use after a prefix."""
    text = one_line(sentence)
    return f"{text[:1].lower()}{text[1:]}"


def _mismatches(branch: Slot, errors: Iterable[_Error]) -> int:
    """Count the missing and unknown keys of a branch. Unknown keys that resemble none of its keys count twice, and a
    missing key that an unknown one resembles is the same mistake."""
    errors = list(errors)
    missing = [error.path[0] for error in errors if error.type == "missing" and len(error.path) == 1]
    unknown = [error.path[0] for error in errors if error.type in _UNKNOWN_KEY and len(error.path) == 1]
    dissimilar = [key for key in unknown if not did_you_mean(str(key), branch.fields)]
    misspelt = [key for key in missing if did_you_mean(str(key), map(str, unknown))]
    return sum(error.type == "missing" for error in errors) - len(misspelt) + len(unknown) + len(dissimilar)


def _group_by_first_key(errors: Iterable[_Error]) -> dict[Any, list[_Error]]:
    """Group the errors below a location by the first key of their paths."""
    groups: dict[Any, list[_Error]] = {}
    for error in errors:
        if error.path:
            groups.setdefault(error.path[0], []).append(_Error(error.path[1:], error.details))
    return groups
