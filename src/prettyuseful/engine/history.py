"""What a store has made, in a compact form in which the artifact nearest to a step is found quickly."""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from prettyuseful.engine.changes import flatten
from prettyuseful.engine.keys import canonical_json
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Manifest

_ABSENT, _UNKNOWN = -1, -2  # codes of a field that a step does not have, and of a value that no artifact has
_PLANNED = 3  # half fields
"""An artifact that the plan itself uses is another step rather than a former version of the step: it is nearest only if
it differs in at least two fields less than any artifact that the plan does not use."""


@dataclass(frozen=True, slots=True)
class MadeStep:
    """A step whose artifact is in the store. `codes` stand for its fields."""

    key: str
    kind: str
    version: int
    created: str
    inputs: Mapping[str, str]
    codes: array[int]


class History:
    """The steps that a store has made: their kinds, versions, fields and inputs.

    Each different value of a field is kept once, so that 20,000 artifacts take some 20 MB.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        self.made: dict[str, MadeStep] = {}
        self.kinds: dict[str, list[MadeStep]] = {}
        self._codes: dict[tuple[str, type, JsonValue], int] = {}
        self._fields: list[tuple[str, JsonValue]] = []
        self._keys: dict[str, str] = {}
        for _ in self.record(manifests):
            pass

    def record(self, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
        """Add manifests to the history while another reader iterates over them."""
        for manifest in manifests:
            self._add(manifest)
            yield manifest

    def fields(self, step: MadeStep) -> dict[str, JsonValue]:
        """Return the fields of a step by their paths."""
        return dict(self._fields[code] for code in step.codes)

    def path(self, code: int) -> str:
        return self._fields[code][0]

    def code(self, path: str, value: JsonValue) -> int:
        """Return the code of a value of a field; negative if no artifact has it."""
        return self._codes.get(_value_key(path, value), _UNKNOWN)

    def _add(self, manifest: Manifest) -> None:
        codes = array("i")
        for path, value in flatten(manifest.spec):
            key = _value_key(path, value)
            if (code := self._codes.get(key)) is None:
                code = self._codes[key] = len(self._fields)
                self._fields.append((path, value))
            codes.append(code)
        inputs = {self._shared(name): self._shared(key) for name, key in manifest.inputs.items()}
        made = MadeStep(
            self._shared(manifest.key), self._shared(manifest.step), manifest.version, manifest.created, inputs, codes
        )
        self.made[made.key] = made
        self.kinds.setdefault(made.kind, []).append(made)

    def _shared(self, text: str) -> str:
        """Return one object for equal texts: keys occur as keys and as inputs."""
        return self._keys.setdefault(text, text)


class Neighbours:
    """Finds, for steps of one plan, the artifact of the same kind that differs in the fewest fields and inputs.

    An input counts as equal if it is the nearest artifact of the step's own input (`predecessors`). Of equally near
    artifacts the latest is taken, then the one with the smaller key.
    """

    def __init__(self, history: History, planned: Container[str]) -> None:
        self.history, self.planned = history, planned
        self.predecessors: dict[str, str] = {}
        self._tables: dict[str, _Table] = {}

    def nearest(self, step: Step, fields: Mapping[str, JsonValue]) -> MadeStep | None:
        """Return the nearest artifact to a step with these flattened fields; None if the store has none of its kind."""
        kind = step.spec.kind
        if kind not in self.history.kinds:
            return None
        if kind not in self._tables:
            self._tables[kind] = _Table(self.history, kind, self.planned)
        return self._tables[kind].nearest(step, fields, self.predecessors)


class _Table:
    """The artifacts of one kind, the latest first: one column of codes for each field and each group of inputs."""

    def __init__(self, history: History, kind: str, planned: Container[str]) -> None:
        self.history = history
        by_key = sorted(history.kinds[kind], key=lambda made: made.key)
        self.rows = sorted(by_key, key=lambda made: made.created, reverse=True)
        columns: dict[str, np.ndarray] = {}
        self.input_codes: dict[tuple[str, ...], int] = {}
        self.inputs: dict[str, np.ndarray] = {}
        for number, row in enumerate(self.rows):
            for code in row.codes:
                _column(columns, history.path(code), len(self.rows))[number] = code
            for name, keys in _grouped(row.inputs).items():
                code = self.input_codes.setdefault(keys, len(self.input_codes))
                _column(self.inputs, name, len(self.rows))[number] = code
        # Most fields have one value in all artifacts: they add the same to all distances.
        self.varying = {path: column for path, column in columns.items() if (column != column[0]).any()}
        self.constant = {path: int(column[0]) for path, column in columns.items() if path not in self.varying}
        is_planned = np.array([row.key in planned for row in self.rows])
        self.start = (_PLANNED * is_planned).astype(np.int32)
        self.versions = np.array([row.version for row in self.rows])
        self._last: tuple[tuple[int, ...], np.ndarray] | None = None

    def nearest(self, step: Step, fields: Mapping[str, JsonValue], predecessors: Mapping[str, str]) -> MadeStep:
        codes = {path: self.history.code(path, value) for path, value in fields.items()}
        distance = self._differing_fields(step.spec.version, codes).copy()
        corresponding: list[np.ndarray] = []
        inputs = _grouped(step.inputs)
        for name, keys in inputs.items():
            column = self.inputs.get(name)
            if column is None:
                continue  # no artifact has this input: all are equally far
            differs = column != self.input_codes.get(keys, _UNKNOWN)
            former = tuple(predecessors.get(key, key) for key in keys)
            if former != keys and former in self.input_codes:
                corresponding.append(column == self.input_codes[former])
                differs &= ~corresponding[-1]
            distance += differs
        for name in self.inputs.keys() - inputs.keys():
            distance += self.inputs[name] != _ABSENT
        distance *= 2
        distance += self.start
        distance *= len(corresponding) + 1
        for same in corresponding:  # a difference, too, but less than any other
            distance += same
        return self.rows[int(np.argmin(distance))]

    def _differing_fields(self, version: int, codes: Mapping[str, int]) -> np.ndarray:
        """Return the number of fields that differ for each artifact; many steps have the same fields."""
        vector = (version, *codes.values())
        if self._last is None or self._last[0] != vector:
            count = sum(codes.get(path, _ABSENT) != code for path, code in self.constant.items())
            count += sum(path not in self.constant and path not in self.varying for path in codes)
            differing = (self.versions != version).astype(np.int32) + count
            for path, column in self.varying.items():
                differing += column != codes.get(path, _ABSENT)
            self._last = vector, differing
        return self._last[1]


def _column(columns: dict[str, np.ndarray], name: str, rows: int) -> np.ndarray:
    if name not in columns:
        columns[name] = np.full(rows, _ABSENT, np.int32)
    return columns[name]


def _grouped(inputs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the keys of the inputs by their names without numbers: a data set may have thousands of numbered parts."""
    groups: dict[str, list[str]] = {}
    for name, key in sorted(inputs.items()):
        groups.setdefault(name.rstrip("0123456789"), []).append(key)
    return {name: tuple(keys) for name, keys in groups.items()}


def _value_key(path: str, value: JsonValue) -> tuple[str, type, JsonValue]:
    """Return a hashable name of a value, which differs for 1, 1.0 and True, as keys do."""
    return path, type(value), canonical_json(value) if isinstance(value, (list, dict)) else value
