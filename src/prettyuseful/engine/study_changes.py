"""Changed fields of steps in the words of the study: one edit of the study is one change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from prettyuseful.engine.changes import MISSING, UNKNOWN, Change, name_of
from prettyuseful.engine.step import Step
from prettyuseful.engine.study_fields import ANY, StudyField, is_within, micro_batch_limit, study_field

_UNSET_VALUES: tuple[object, ...] = (None, "", [], {}, MISSING)
_UNSET = StudyField("", (ANY,))  # a field without a setting on both sides


def in_words_of_the_study(
    changes: Sequence[Change], step: Step, before: Mapping[str, JsonValue], others: Collection[str]
) -> tuple[Change, ...]:
    """Return changes of a step by the fields of the study, without those that follow from other changes.

    Args:
        before: the flattened fields of the artifact with which the step is compared.
        others: the changed fields of the study because of which the inputs of the step changed; `ANY`, if they changed
            for another reason.

    Returns:
        Nothing if all of them follow from changes of the inputs. If they would only follow from each other, all of
        them.
    """
    if len(changes) == 1 and study_field(step.spec.kind, changes[0].field)[0] == StudyField(changes[0].field):
        return tuple(changes)  # the study calls the field as the step does
    kept: list[tuple[StudyField, Change]] = []
    later: list[tuple[StudyField, Change]] = []
    replaced = [
        change.field for change in changes if isinstance(change.before, dict) and isinstance(change.after, dict)
    ]
    replaced += [change.field.removesuffix(".kind") for change in changes if change.field.endswith(".kind")]
    for change in changes:
        row, rest = study_field(step.spec.kind, change.field)
        has_own_words = (not rest and row.words != change.field) or change.field.endswith(".kind")
        if not has_own_words and any(change.field.startswith(f"{field}.") for field in replaced):
            continue
        translated = _translate(change, step, before)
        if translated is not None:
            row = _UNSET if change.before in _UNSET_VALUES and change.after in _UNSET_VALUES else row
            (later if row.follows else kept).append((row, translated))
    for row, change in sorted(later, key=lambda pair: ANY in pair[0].follows):
        fields = [*others, *(other.field for other_row, other in kept if other_row.follows != row.follows)]
        if not _follows(row, fields):
            kept.append((row, change))
    if not kept and not others:
        return tuple(changes)
    return tuple({change.group: change for _, change in reversed(kept)}.values())[::-1]


def _follows(row: StudyField, fields: Collection[str]) -> bool:
    if ANY in row.follows:
        return bool(fields)
    return any(is_within(field, parent) for field in fields for parent in row.follows)


def _translate(change: Change, step: Step, before: Mapping[str, JsonValue]) -> Change | None:
    """Return a change by the field of the study; None if the study has not changed."""
    row, rest = study_field(step.spec.kind, change.field)
    names = step.names or {}
    if change.field == "micro_batch" and (setting := names.get(change.field)):
        return _micro_batch(change, row.words, int(setting), before)
    own_words = names.get(change.field) if change.field == "per_class" else None
    words = own_words or row.words.replace("{dataset}", names.get("dataset", "")).rstrip()
    field, values = f"{words}{rest}", (change.before, change.after)
    if field == change.field and row.exact:
        return change
    if own_words or not row.exact:
        values = UNKNOWN, UNKNOWN
    elif step.spec.kind == "mix":
        values = _mapping(change.before), _mapping(change.after)
    return replace(change, field=field, before=values[0], after=values[1], name=name_of(field, step))


def _micro_batch(change: Change, words: str, setting: int, before: Mapping[str, JsonValue]) -> Change | None:
    """Return the change of the setting of the study, of which a step with few images uses only a part."""
    limit, former = micro_batch_limit(before), change.before
    if limit is not None and min(setting, limit) == former:
        return None
    return replace(change, field=words, before=UNKNOWN if former == limit else former, after=setting)


def _mapping(parts: object) -> JsonValue:
    """Return pairs of a name and a number as a study has them."""
    if isinstance(parts, list) and all(isinstance(part, list) and len(part) == 2 for part in parts):
        return {str(name): number for name, number in parts}
    return parts  # type: ignore[return-value]
