"""Why steps must run: each missing step is compared with the nearest artifact of its kind in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pydantic import JsonValue

from prettyuseful.engine.changes import (
    UNKNOWN,
    Change,
    changes_between,
    describe,
    describe_difference,
    flatten,
    merge_changes,
)
from prettyuseful.engine.history import History, MadeStep, Neighbours
from prettyuseful.engine.step import Step, StepSpec
from prettyuseful.engine.store.base import Store
from prettyuseful.engine.study_changes import in_words_of_the_study
from prettyuseful.engine.study_fields import input_field
from prettyuseful.errors import UnknownNameError, did_you_mean, one_line

SCHEMA_VERSION = 1
ReasonKind = Literal["new", "changed", "input", "version", "broken", "swept", "failed"]
_MOST_CAUSES = 2  # causes that the summary names
_MOST_ROOTS = 8  # first causes that are kept for a step
_MOST_INPUTS = 3  # inputs that the words on a step name
_SHORTEST_KEY = 6  # hexadecimal digits by which a step is found


@dataclass(frozen=True)
class Cause:
    """Why a result is not in the store. `changes`: the fields that changed, if that is why."""

    kind: ReasonKind
    words: str
    changes: tuple[Change, ...] = ()

    @cached_property
    def group(self) -> tuple[Any, ...]:
        """Equal for causes that are counted together: the same fields changed, or the same happened."""
        return (self.kind, frozenset(change.group for change in self.changes)) if self.changes else (self.words,)


@dataclass(frozen=True)
class FirstCause:
    """A cause, and the label of the step where it is: of the step itself, or of one that it is made from."""

    step: str
    cause: Cause


@dataclass(frozen=True)
class ChangedInput:
    """An input that is not the one of the nearest artifact. `step`: the label of the step that makes it, if any."""

    name: str
    step: str
    causes: tuple[FirstCause, ...]


@dataclass(frozen=True)
class Reason:
    """Why a step must run.

    Attributes:
        key: the key of the step.
        step: its label.
        step_kind: the kind of the step.
        kind: `new`: the store has no similar step; `changed`: fields of its spec changed; `input`: only its inputs
            changed; `version`: another version of the step made the artifact in the store; `broken`: the artifact is
            damaged; `swept`: `gc` removed it; `failed`: the last attempt failed.
        causes: the first causes, the step's own first; at most eight.
        changes: fields of the study that differ from those of the nearest artifact.
        inputs: inputs that differ from those of the nearest artifact.
        nearest: the key of the nearest artifact, if there is a similar one.
    """

    key: str
    step: str
    step_kind: str
    kind: ReasonKind
    causes: tuple[FirstCause, ...]
    changes: tuple[Change, ...] = ()
    inputs: tuple[ChangedInput, ...] = ()
    nearest: str | None = None

    @property
    def cause(self) -> Cause:
        """The first cause under which the step is counted."""
        return self.causes[0].cause

    @property
    def words(self) -> str:
        own = [] if self.kind == "input" else [self.cause.words]
        if self.kind == "new" and self.changes:
            own.append(f"the most similar one has {describe_difference(self.changes)}")
        return "; ".join([*own, *self._input_words()])

    def _input_words(self) -> Iterator[str]:
        """Say for each input why it changed; causes that are known already are not repeated."""
        said = set[tuple[Any, ...]]() if self.kind == "input" else {self.cause.group}
        shown = 0
        for changed in self.inputs:
            more = [first for first in changed.causes if first.cause.group not in said]
            if not more or shown == _MOST_INPUTS:
                continue
            shown += 1
            said |= {first.cause.group for first in more}
            origin = "" if more[0].step == changed.step else f", made from {more[0].step}"
            words = more[0].cause.words
            yield words if not changed.step else f"input {changed.name} ({changed.step}{origin}): {words}"

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "key": self.key,
            "kind": self.kind,
            "words": self.words,
            "changes": [change.as_json() for change in self.changes],
            "inputs": [{"name": changed.name, "step": changed.step} for changed in self.inputs],
            "first_causes": [
                {"step": first.step, "kind": first.cause.kind, "words": first.cause.words} for first in self.causes
            ],
            "nearest": self.nearest,
        }


@dataclass(frozen=True)
class CauseGroup:
    """The steps that one cause explains. `first`: the label of the first of them; `kinds`: their number by kind."""

    kind: ReasonKind
    words: str
    steps: int
    first: str
    kinds: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "words": self.words,
            "steps": self.steps,
            "first": self.first,
            "step_kinds": dict(self.kinds),
        }


@dataclass(frozen=True)
class Explanation:
    """Why the missing steps of a plan must run. `plan`: all its steps; `reasons`: of the missing ones, in order."""

    plan: Mapping[str, Step] = field(repr=False)
    reasons: tuple[Reason, ...] = field(repr=False)

    @property
    def steps(self) -> int:
        """The number of all steps, with those in the store."""
        return len(self.plan)

    @cached_property
    def groups(self) -> tuple[CauseGroup, ...]:
        """The causes with their steps, the most frequent first."""
        groups: dict[tuple[Any, ...], list[Reason]] = {}
        for reason in self.reasons:
            groups.setdefault(reason.cause.group, []).append(reason)
        return tuple(map(_group, sorted(groups.values(), key=len, reverse=True)))

    @property
    def summary(self) -> str:
        """One line: how many steps run, and why."""
        if not self.reasons:
            return f"all results are in the store: 0 of {self.steps:,} steps to run"
        return f"{len(self.reasons):,} of {self.steps:,} steps to run: {self.why}"

    @property
    def further_summary(self) -> str:
        """`summary` for a run that has reported other steps before."""
        return f"{len(self.reasons):,} further step{'' if len(self.reasons) == 1 else 's'} to run: {self.why}"

    @property
    def why(self) -> str:
        """The most frequent causes; empty if no step must run."""
        if len(self.groups) < 2:
            return "".join("the store has none of them" if g.kind == "new" else g.words for g in self.groups)
        named = [f"{group.steps:,} because {group.words}" for group in self.groups[:_MOST_CAUSES]]
        others = len(self.groups) - len(named)
        return ", ".join([*named, *([f"and {others} other cause{'' if others == 1 else 's'}"] if others else [])])

    def find(self, text: str) -> tuple[Step, ...]:
        """Return the steps with this label; or else the step whose key begins so, or whose label contains it.

        Raises:
            UnknownNameError: there is no such step, or steps with several labels contain the text.
        """
        labels: dict[str, list[Step]] = {}
        for step in self.plan.values():
            labels.setdefault(step.label, []).append(step)
        if text in labels:
            return tuple(labels[text])
        if len(text) >= _SHORTEST_KEY and (keys := [key for key in self.plan if key.startswith(text)]):
            return tuple(self.plan[key] for key in keys)
        parts = [label for label in labels if text.lower() in label.lower()]
        if len(parts) == 1:
            return tuple(labels[parts[0]])
        if not parts:
            hint = did_you_mean(text, [*labels, *{word for label in labels for word in label.split()}])
            raise UnknownNameError(f"the study has no step {text!r}{hint}; give a part of its name, or its key")
        named = " and ".join(map(repr, parts[:2]))
        raise UnknownNameError(f"{len(parts)} names of steps contain {text!r}, such as {named}; give more of the name")

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "steps": self.steps,
            "to_run": len(self.reasons),
            "summary": self.summary,
            "causes": [group.as_json() for group in self.groups],
            "reasons": [reason.as_json() for reason in self.reasons],
        }


_NEW = Cause("new", "the store has no such step")


def _group(reasons: list[Reason]) -> CauseGroup:
    cause = reasons[0].cause
    changes = {id(reason.cause): reason.cause.changes for reason in reasons}
    words = describe(merge_changes([*changes.values()])) if cause.changes else cause.words
    return CauseGroup(cause.kind, words, len(reasons), reasons[0].step, Counter(r.step_kind for r in reasons))


def explain_steps(
    steps: Mapping[str, Step], todo: Mapping[str, Step], store: Store | None, history: History | None = None
) -> Explanation:
    """Explain why the steps `todo` of a plan's `steps` must run.

    Args:
        steps: all steps, in an order in which every step follows its inputs.
        todo: the missing ones.
        store: None if there is no store yet.
        history: what the store has made, if its manifests have been read already.
    """
    if store is None or not todo:
        reasons = (Reason(k, s.label, s.spec.kind, "new", (FirstCause(s.label, _NEW),)) for k, s in todo.items())
        return Explanation(steps, tuple(reasons))
    explainer = _Explainer(steps, todo, store, History(store.list()) if history is None else history)
    return Explanation(steps, tuple(filter(None, map(explainer.reason, todo.values()))))


class _Explainer:
    """Explains steps in the order of the plan, because the cause of a step may be that of its input."""

    def __init__(self, steps: Mapping[str, Step], todo: Mapping[str, Step], store: Store, history: History) -> None:
        self.steps, self.todo, self.history = steps, todo, history
        self.neighbours = Neighbours(history, steps)
        self.failures, self.swept, self.broken = store.failures(), store.swept(), store.broken(todo)
        self.causes: dict[str, tuple[FirstCause, ...]] = {}
        self._last_fields: dict[str, tuple[StepSpec, dict[str, JsonValue]]] = {}
        self._shared = {(_NEW.kind, _NEW.words): _NEW}

    def reason(self, step: Step) -> Reason | None:
        """Return the reason of the next step; None if another process has made it meanwhile."""
        if step.key in self.history.made and step.key not in self.broken:
            return None
        own = self._state_cause(step.key)
        reason = self._reason(step, *own) if own else self._compare(step)
        self.causes[step.key] = reason.causes
        return reason

    def _state_cause(self, key: str) -> tuple[ReasonKind, str] | None:
        """Return what happened to the very artifact of a step, if anything did."""
        if key in self.failures:
            return "failed", f"the last attempt failed: {one_line(self.failures[key])}"
        if key in self.broken:
            return "broken", f"its artifact is damaged: {one_line(self.broken[key])}"
        if key in self.swept:
            return "swept", f"`gc` removed its artifact at {one_line(self.swept[key])}"
        return None

    def _compare(self, step: Step) -> Reason:
        """Explain a step by the nearest artifact in the store."""
        fields = self._fields(step) if step.spec.kind in self.history.kinds else {}
        nearest = self.neighbours.nearest(step, fields)
        if nearest is None:
            return self._reason(step, "new", _NEW.words)
        before = self.history.fields(nearest)
        differing = changes_between(before, step, fields)
        if len(differing) > max(1, len(fields) // 2):
            return self._reason(step, "new", _NEW.words)
        self.neighbours.predecessors[step.key] = nearest.key
        inputs = self._changed_inputs(step, nearest)
        changes = in_words_of_the_study(differing, step, before, _fields_of(inputs))
        more: dict[str, Any] = {"changes": changes, "inputs": inputs, "nearest": nearest.key}
        if nearest.key in self.steps:  # not a former version of this step, but another step of the plan
            is_made_from_missing = any(key in self.todo for key in step.inputs.values())
            if differing or nearest.version != step.spec.version or not is_made_from_missing:
                more["inputs"] = tuple(i for i in inputs if step.inputs.get(i.name) in self.todo)
                return self._reason(step, "new", _NEW.words, **more)
        if nearest.version != step.spec.version:
            words = f"the version of `{step.spec.kind}` steps changed from {nearest.version} to {step.spec.version}"
            return self._reason(step, "version", words, **more)
        if changes:
            return self._reason(step, "changed", describe(changes), **more)
        if inputs:
            return self._reason(step, "input", "", **more)
        return self._reason(step, "new", _NEW.words)  # fields that only look equal, such as `a.b` and `b` of `a`

    def _fields(self, step: Step) -> dict[str, JsonValue]:
        """Return the flattened fields of a step; thousands of tests share one spec."""
        spec, fields = self._last_fields.get(step.spec.kind, (None, {}))
        if spec is not step.spec:
            fields = dict(flatten(step.spec.key_content()))
            self._last_fields[step.spec.kind] = step.spec, fields
        return fields

    def _reason(self, step: Step, kind: ReasonKind, words: str, **more: Any) -> Reason:
        changes = more.get("changes", ()) if kind == "changed" else ()
        own = () if kind == "input" else (FirstCause(step.label, self._cause(kind, words, changes)),)
        inputs: tuple[ChangedInput, ...] = more.get("inputs", ())
        causes = _unique([*own, *(first for changed in inputs for first in changed.causes)])
        return Reason(step.key, step.label, step.spec.kind, kind, causes, **more)

    def _changed_inputs(self, step: Step, nearest: MadeStep) -> tuple[ChangedInput, ...]:
        changed = []
        names = [name for name, key in step.inputs.items() if nearest.inputs.get(name) != key]
        for name in sorted(names, key=lambda name: step.inputs[name] not in self.causes):  # the missing ones first
            key = step.inputs[name]
            changed.append(ChangedInput(name, self.steps[key].label, self._causes_of_input(step, name, nearest)))
        if removed := sorted(nearest.inputs.keys() - step.inputs.keys()):
            more = f" and {len(removed) - 1} more are" if len(removed) > 1 else " is"
            cause = self._cause("input", f"input {one_line(removed[0])}{more} not used any longer")
            if field := input_field(step.spec.kind, removed[0]):
                cause = self._changed((Change(field, UNKNOWN, UNKNOWN),))
            changed.append(ChangedInput(removed[0], "", (FirstCause(step.label, cause),)))
        return tuple(changed)

    def _causes_of_input(self, step: Step, name: str, nearest: MadeStep) -> tuple[FirstCause, ...]:
        key, former = step.inputs[name], nearest.inputs.get(name)
        if former is None and (field := input_field(step.spec.kind, name)):
            return (FirstCause(step.label, self._changed((Change(field, UNKNOWN, UNKNOWN),))),)
        causes = self.causes.get(key)
        if causes is None:
            return (self._exchanged(key, former),)
        before = self.history.made.get(former or "")
        if causes[0].cause.kind == "new" and before is not None and nearest.key not in self.steps:
            # The step had another input: what is new beside the other steps of the plan is a change of this step.
            other, fields = self.steps[key], self.history.fields(before)
            after = self._fields(other)
            changes = changes_between(fields, other, after) if before.kind == other.spec.kind else ()
            if 0 < len(changes) <= max(1, len(after) // 2):
                changes = in_words_of_the_study(changes, other, fields, ())
                return (FirstCause(other.label, self._changed(changes)), *causes)
        return causes

    def _exchanged(self, key: str, former: str | None) -> FirstCause:
        """Return in what an input from the store differs from the one before: in its fields, or in its own inputs."""
        step, made, before = self.steps[key], self.history.made.get(key), self.history.made.get(former or "")
        if made is not None and before is not None and made.kind == before.kind:
            fields = self.history.fields(before)
            changes = changes_between(fields, step, self.history.fields(made))
            if changes := in_words_of_the_study(changes, step, fields, ()):
                return FirstCause(step.label, self._changed(changes))
            for inner, other in made.inputs.items():
                if before.inputs.get(inner) != other and other in self.steps:
                    return self._exchanged(other, before.inputs.get(inner))
        return FirstCause(step.label, self._cause("input", f"it is now made from: {step.label}"))

    def _changed(self, changes: tuple[Change, ...]) -> Cause:
        return self._cause("changed", describe(changes), changes)

    def _cause(self, kind: ReasonKind, words: str, changes: tuple[Change, ...] = ()) -> Cause:
        """Return one object for equal causes, since many steps share one."""
        return self._shared.setdefault((kind, words), Cause(kind, words, changes))


def _fields_of(inputs: Sequence[ChangedInput]) -> list[str]:
    """Return the fields of the study because of which inputs changed."""
    causes = [first.cause for changed in inputs for first in changed.causes]
    return [field for cause in causes for field in ([change.field for change in cause.changes] or [cause.kind])]


def _unique(causes: list[FirstCause]) -> tuple[FirstCause, ...]:
    """Return each cause once, with the first step where it is."""
    by_cause: dict[tuple[Any, ...], FirstCause] = {}
    for first in causes:
        by_cause.setdefault(first.cause.group, first)
    return tuple(by_cause.values())[:_MOST_ROOTS]
