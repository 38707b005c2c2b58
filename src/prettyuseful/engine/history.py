"""What a store has made, in a compact form in which the artifact nearest to a step is found quickly."""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic import JsonValue

from prettyuseful.engine.changes import flatten
from prettyuseful.engine.keys import canonical_json
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Manifest
from prettyuseful.engine.study_fields import study_field

_ABSENT, _UNKNOWN = -1, -2  # codes of a field that a step does not have, and of a value that no artifact has
_FIELD, _IDENTITY, _INTERNAL = 4, 16, 1
"""How far artifacts are that differ in a field or input; in a field that tells the steps of a study apart, such as a
seed; and in one that no study sets, because it follows from others."""
_PLANNED = 6
"""An artifact that the plan itself uses is another step rather than a former version of the step: it is nearest only if
it differs in at least two fields less than any artifact that the plan does not use."""
_OTHER_KIND = 1000  # how far an input of another kind is
_MOST_TIES = 256  # equally near artifacts whose inputs are compared


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
    artifacts the one whose inputs are nearest to those of the step is taken, then the latest, then the one with the
    smaller key.
    """

    def __init__(self, history: History, planned: Mapping[str, Step]) -> None:
        self.history, self.planned = history, planned
        self.predecessors: dict[str, str] = {}
        self._tables: dict[str, _Table] = {}
        self._distances: dict[str, tuple[str, np.ndarray]] = {}

    def nearest(self, step: Step, fields: Mapping[str, JsonValue]) -> MadeStep | None:
        """Return the nearest artifact to a step with these flattened fields; None if the store has none of its kind."""
        kind = step.spec.kind
        if kind not in self.history.kinds:
            return None
        table = self._table(kind)
        distance = table.distances(step, fields, self.predecessors)
        first = int(np.argmin(distance))
        if self._distance_of_inputs(step, table.rows[first]) == 0:
            return table.rows[first]
        ties = np.flatnonzero(distance == distance[first])[:_MOST_TIES]
        return min((table.rows[int(tie)] for tie in ties), key=lambda row: self._distance_of_inputs(step, row))

    def _table(self, kind: str) -> _Table:
        if kind not in self._tables:
            self._tables[kind] = _Table(self.history, kind, self.planned)
        return self._tables[kind]

    def _distance_of_inputs(self, step: Step, row: MadeStep) -> int:
        """Return how far the inputs of an artifact are from those of a step."""
        return sum(
            self._distance_of_input(name, key, row.inputs[name])
            for name, key in step.inputs.items()
            if row.inputs.get(name, key) not in (key, self.predecessors.get(key))
        )

    def _distance_of_input(self, name: str, key: str, other: str) -> int:
        made, own = self.history.made.get(other), self.planned.get(key)
        if made is None or own is None or made.kind != own.spec.kind:
            return _OTHER_KIND
        table = self._table(made.kind)
        if name not in self._distances or self._distances[name][0] != key:  # steps that follow share an input
            fields = dict(flatten(own.spec.key_content()))
            self._distances[name] = key, table.distances(own, fields, self.predecessors)
        return int(self._distances[name][1][table.numbers[other]])


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
        self.weights = {path: _weight(kind, path) for path in columns}
        is_planned = np.array([row.key in planned for row in self.rows])
        self.start = (_PLANNED * is_planned).astype(np.int32)
        self.versions = np.array([row.version for row in self.rows])
        self._last: tuple[tuple[int, ...], np.ndarray] | None = None

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The rows of the artifacts by their keys."""
        return {row.key: number for number, row in enumerate(self.rows)}

    def distances(self, step: Step, fields: Mapping[str, JsonValue], predecessors: Mapping[str, str]) -> np.ndarray:
        """Return how far each artifact is from a step."""
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
            np.add(distance, _FIELD, out=distance, where=differs)
        for name in self.inputs.keys() - inputs.keys():
            np.add(distance, _FIELD, out=distance, where=self.inputs[name] != _ABSENT)
        if corresponding:
            distance *= len(corresponding) + 1
        for same in corresponding:  # a difference, too, but less than any other
            distance += same
        return distance

    def _differing_fields(self, version: int, codes: Mapping[str, int]) -> np.ndarray:
        """Return how far each artifact is by its fields; many steps have the same fields."""
        vector = (version, *codes.values())
        if self._last is None or self._last[0] != vector:
            # What adds the same to all distances is left out.
            differing = self.start + (_FIELD * (self.versions != version)).astype(np.int32)
            for path, column in self.varying.items():
                differing += self.weights[path] * (column != codes.get(path, _ABSENT))
            self._last = vector, differing
        return self._last[1]


def _weight(kind: str, path: str) -> int:
    row, _ = study_field(kind, path)
    return _IDENTITY if row.identifies else _INTERNAL if row.is_internal else _FIELD


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
