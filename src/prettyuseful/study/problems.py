"""What is wrong with a study file: the errors of pydantic as places of the file, in plain words, with what is valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from prettyuseful.errors import did_you_mean, one_line
from prettyuseful.study.expected import either, expected, given
from prettyuseful.study.schema import Slot, shape_of

Keys = tuple[Any, ...]
"""The way to a place of a file: keys of mappings and indices of lists."""

_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_IN_WORDS = ("value_error", "assertion_error")  # raised by validators of ours, which say what is wrong themselves
_OF_PYDANTIC = get_args(ErrorType)
_ABSENT: Any = object()  # what a place holds that is not in the file


@dataclass(frozen=True)
class Problem:
    """What is wrong in a place of a study file, in one line that begins with the place."""

    keys: Keys
    message: str
    unknown_key: bool = False


def problems(error: ValidationError, model: type[BaseModel], content: object) -> list[Problem]:
    """What `error` says of `content`, which was to be a `model`; in a union, of the branch that was meant.

    Unknown keys come first: what is missing, or wrong for a whole list or mapping, may follow from them.
    """
    errors = [_Error(tuple(details["loc"]), details) for details in error.errors(include_url=False)]
    found = [*_Walk((), content).of(Slot.of(model), errors)]
    above = {problem.keys[:depth] for problem in found for depth in range(len(problem.keys))}
    return sorted((one for one in found if one.keys not in above), key=lambda one: not one.unknown_key) or found


@dataclass(frozen=True)
class _Error:
    """An error below some place. `way`: the rest of pydantic's location, with tags of unions' branches in it."""

    way: Keys
    details: ErrorDetails

    @property
    def type(self) -> str:
        return self.details["type"]


@dataclass(frozen=True)
class _Walk:
    """A place on the way down from the study. `private`: values here must not be shown."""

    keys: Keys
    value: Any
    private: bool = False

    def of(self, slot: Slot, errors: Sequence[_Error]) -> Iterator[Problem]:
        """The problems here and below, where `slot` may stand."""
        if slot.branches:
            yield from self._of_union(slot, errors)
            return
        yield from (self._wrong(slot, error) for error in errors if not error.way)
        for key, inner in _by_first(errors).items():
            if slot.model:
                yield from self._of_model(slot, key, inner)
            elif slot.values:
                yield from self._of_mapping(slot.values, key, inner)
            elif slot.is_list and isinstance(key, int):
                if slot.items is not None and any(error.type == "missing" and not error.way for error in inner):
                    yield self._not_expected(slot, self.value)
                else:
                    yield from self._below(key).of(slot.item(key), inner)
            else:  # a type that this walk does not know
                yield from (self._wrong(Slot(Any), error) for error in inner)

    def _of_model(self, slot: Slot, key: Any, errors: Sequence[_Error]) -> Iterator[Problem]:
        below = self._below(key, bool(slot.model and slot.model.model_config.get("hide_input_in_errors")))
        first = errors[0]
        if first.type in _UNKNOWN_KEY and not first.way:
            yield self._unknown_key(slot, key)
        elif first.type == "missing" and not first.way:
            yield Problem(below.keys, f"{below.path!r} is missing; expected {expected(slot.fields[key])}")
        else:
            yield from below.of(slot.fields.get(key, Slot(Any)), errors)

    def _of_mapping(self, values: Slot, key: Any, errors: Sequence[_Error]) -> Iterator[Problem]:
        of_keys = [error for error in errors if error.way == ("[key]",)]
        for error in of_keys:
            below = self._below(key)
            if isinstance(below.keys[-1], str):
                yield below._wrong(Slot(Any), error)
            else:
                message = f"{self._begin}the key {given(below.keys[-1])} must be text; write it in quotes"
                yield Problem(below.keys, message)
        if of_values := [error for error in errors if error not in of_keys]:
            yield from self._below(key).of(values, of_values)

    def _of_union(self, slot: Slot, errors: Sequence[_Error]) -> Iterator[Problem]:
        groups = _by_first(errors)
        if slot.discriminator is not None:
            yield from (self._wrong_tag(slot, error) for error in errors if not error.way)
            branches = {branch.tag: branch for branch in slot.branches}
            for tag, inner in groups.items():
                yield from self.of(branches.get(tag, Slot(Any)), inner)
            return
        direct = [error for inner in groups.values() for error in inner if not error.way]
        value = direct[0].details["input"] if self.value is _ABSENT and direct else self.value
        if in_words := [error for error in direct if error.type in _IN_WORDS]:
            yield self._wrong(slot, in_words[0])
            return
        # Pydantic says what is wrong with every branch, in their order; branches whose tags are equal are one.
        meant = [
            (branch, inner)
            for branch, inner in zip(slot.branches, groups.values(), strict=False)
            if shape_of(value) in branch.shapes
        ]
        if len(groups) != len(slot.branches) or not meant or shape_of(value) == "scalar":
            yield self._not_expected(slot, value)
            return
        yield from self.of(*min(meant, key=lambda one: _misfit(*one)))

    def _wrong(self, slot: Slot, error: _Error) -> Problem:
        if error.type in _IN_WORDS:
            return Problem(self.keys, f"{self._begin}{_lower(str(error.details['ctx']['error']))}")
        if error.type not in _OF_PYDANTIC and not slot.row_names:  # a validator knows more than the type
            slot = Slot(Any)
        return self._not_expected(slot, error.details["input"], error.details["msg"])

    def _wrong_tag(self, slot: Slot, error: _Error) -> Problem:
        """A discriminator is missing or wrong, or there is no mapping that it could stand in."""
        key, tags = slot.discriminator or "", [str(branch.tag) for branch in slot.branches]
        if not isinstance(error.details["input"], Mapping) or not key:
            return self._not_expected(slot, error.details["input"], error.details["msg"])
        below, value = self._below(key), error.details["input"].get(key)
        if key not in error.details["input"]:
            return Problem(below.keys, f"{below.path!r} is missing; expected {either(tags)}")
        hint = did_you_mean(value, tags) if isinstance(value, str) else ""
        return Problem(below.keys, f"{below._begin}expected {either(tags)}, got {given(value, self.private)}{hint}")

    def _not_expected(self, slot: Slot, value: object, otherwise: str = "") -> Problem:
        """`otherwise`: pydantic's words, for a type that has none of ours."""
        words = f"expected {said}" if (said := expected(slot)) else _lower(otherwise)
        near = [str(literal) for literal in slot.literals if str(literal) != value]
        hint = did_you_mean(value, near) if isinstance(value, str) else ""
        message = f"{self._begin}{words}, got {given(value, self.private)}{hint}"
        return Problem(self.keys, message)

    def _unknown_key(self, slot: Slot, key: Any) -> Problem:
        below = self._below(key)
        there = self.value if isinstance(self.value, Mapping) else {}
        left = [name for name in slot.fields if name not in there]
        missing = [name for name in slot.required if name in left]
        hint = did_you_mean(key, left) if isinstance(key, str) else ""
        if not hint and len(missing) == 1:  # then it may be meant, whatever it is called
            hint = f"; did you mean {missing[0]!r}?"
        kind = f" ({slot.tag})" if slot.tag else ""
        place = f" in {self.path}{kind}" if self.keys else ""
        message = f"unknown key {given(below.keys[-1])}{place}{hint}; valid keys: {', '.join(slot.fields)}"
        return Problem(below.keys, message, unknown_key=True)

    def _below(self, key: Any, private: bool = False) -> _Walk:
        value: Any = _ABSENT
        if isinstance(self.value, Mapping):
            if not isinstance(key, str) or key not in self.value:  # pydantic changes keys that are no text
                same = (own for own in self.value if own == key or (not isinstance(own, int) and repr(own) == key))
                key = next(same, key)
            value = self.value.get(key, _ABSENT)
        elif isinstance(key, int) and shape_of(self.value) == "list" and key < len(self.value):
            value = self.value[key]
        return _Walk((*self.keys, key), value, self.private or private)

    @property
    def path(self) -> str:
        return ".".join(one_line(key) if isinstance(key, str) else given(key) for key in self.keys)

    @property
    def _begin(self) -> str:
        return f"{self.path}: " if self.keys else ""


def _lower(sentence: str) -> str:
    """As the rest of a line."""
    words = one_line(sentence)
    return f"{words[:1].lower()}{words[1:]}"


def _misfit(branch: Slot, errors: Iterable[_Error]) -> int:
    """How many keys speak against a branch: missing ones and unknown ones, unless they look like one of its own."""
    unknown = [error.way[0] for error in errors if error.type in _UNKNOWN_KEY and len(error.way) == 1]
    far = [key for key in unknown if not did_you_mean(str(key), branch.fields)]
    return sum(error.type == "missing" for error in errors) + len(unknown) + len(far)


def _by_first(errors: Iterable[_Error]) -> dict[Any, list[_Error]]:
    """Errors below a place, by the next step of their way."""
    found: dict[Any, list[_Error]] = {}
    for error in errors:
        if error.way:
            found.setdefault(error.way[0], []).append(_Error(error.way[1:], error.details))
    return found
