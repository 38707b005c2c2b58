"""Changed fields of steps, in words: which field, from which value to which."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pydantic import BaseModel, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Step
from prettyuseful.errors import one_line

_DIGEST, _HASH = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST = 48  # characters of a value
_LEVELS = 16  # of nested mappings
_LISTED = 3  # changes and list items that are named; the others are counted
Field = tuple[str, JsonValue]


class Absent(Enum):
    """Marks in the place of a value: the field does not exist on this side, or the value of the study is unknown."""

    MISSING = "missing"
    UNKNOWN = "unknown"


MISSING, UNKNOWN = Absent.MISSING, Absent.UNKNOWN


@dataclass(frozen=True)
class Change:
    """A field that differs from an artifact in the store.

    Attributes:
        field: its path, such as `recipe.learning_rate`, or what the study calls it.
        before: the value in the store, or a mark.
        after: the value of the study, or a mark.
        name: what the study calls the object that has the field, such as the name of the recipe.
        source: where the content is that changed, for something outside the store.
        commit_of: the repository, if the values are commits of one repository.
        varies: whether it stands for changes of several steps with different values.
    """

    field: str
    before: JsonValue | Absent
    after: JsonValue | Absent
    name: str | None = None
    source: str | None = None
    commit_of: str | None = None
    varies: bool = False

    def as_json(self) -> dict[str, JsonValue]:
        before, after = (None if isinstance(value, Absent) else value for value in (self.before, self.after))
        return {"field": self.field, "before": before, "after": after}

    @property
    def group(self) -> tuple[str, str | None, bool]:
        """Equal for changes that are counted together: of one field, by a setting or by content."""
        return self.field, self.name, _is_digest(self.before) and _is_digest(self.after)

    @property
    def is_known(self) -> bool:
        """Whether it has the values of the study on both sides."""
        return self.before is not UNKNOWN and self.after is not UNKNOWN


def flatten(value: Mapping[str, Any], prefix: str = "", levels: int = _LEVELS) -> Iterator[Field]:
    """Yield path and value of every field of a spec. A list without mappings is a value, as is all below `levels`."""
    for name, part in value.items():
        path = f"{prefix}{name}"
        if not part or not isinstance(part, dict | list) or not levels:
            yield path, part
        elif isinstance(part, dict):
            yield from flatten(part, f"{path}.", levels - 1)
        elif any(isinstance(item, dict) for item in part):
            yield from flatten({f"{path}[{index}]": item for index, item in enumerate(part)}, "", levels - 1)
        else:
            yield path, part


def changes_between(before: Mapping[str, JsonValue], step: Step, after: Mapping[str, JsonValue]) -> tuple[Change, ...]:
    """Return the flattened fields `after` of a step that differ from those of another, `before`, in their order."""
    differing = [path for path, value in after.items() if path not in before or not _equal(before[path], value)]
    differing += [path for path in before if path not in after]
    if len(differing) < 2 and all(path in before and path in after for path in differing):
        merged: Iterable[tuple[str, JsonValue | Absent, JsonValue | Absent]] = (
            (path, before[path], after[path]) for path in differing
        )
    else:
        merged = _merge_appearing(differing, before, after)
    return tuple(
        Change(path, one, other, name_of(path, step), _source(path, one, other, step), _commit_of(path, before, after))
        for path, one, other in merged
    )


def name_of(field: str, step: Step) -> str | None:
    """Return what the study calls the object that has a field."""
    first, _, rest = field.partition(".")
    return step.names.get(first) if rest and step.names else None


def merge_changes(several: Sequence[Sequence[Change]]) -> tuple[Change, ...]:
    """Return the common changes of several steps, of which the same fields changed; those with equal values first."""
    by_group: dict[tuple[str, str | None, bool], list[Change]] = {change.group: [] for change in several[0]}
    for changes in several:
        for change in changes:
            by_group[change.group].append(change)
    return tuple(sorted(map(_merged, by_group.values()), key=lambda change: change.varies))


def _merged(changes: Sequence[Change]) -> Change:
    """Return one change for those of several steps; some of them may know the values of the study."""
    known = [change for change in changes if change.is_known] or [c for c in changes if c.after is not UNKNOWN]
    first, *others = known or changes
    return replace(first, varies=any(other is not first and other != first for other in others))


def _equal(one: JsonValue, other: JsonValue) -> bool:
    """Whether both are the same JSON value; Python takes 1, 1.0 and True for equal, keys do not."""
    if isinstance(one, list | dict):
        return one == other and json.dumps(one) == json.dumps(other)
    return type(one) is type(other) and one == other


def _merge_appearing(
    differing: Sequence[str], before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> Iterator[tuple[str, JsonValue | Absent, JsonValue | Absent]]:
    """Yield the changes with both values; a field that is a mapping on one side and a value on the other is one.

    So is a mapping with other fields: of another kind only the kind is named.
    """
    whole = {path for path in differing if any(other.startswith((f"{path}.", f"{path}[")) for other in differing)}
    removed, added = ({_parent(p) for p in differing if p not in side} - {""} for side in (after, before))
    replaced, of_other_kind = removed & added, {_parent(path) for path in differing if path.endswith(".kind")}
    for path in differing:
        if path in whole:
            yield path, _subtree(path, before), _subtree(path, after)
        elif any(path.startswith((f"{parent}.", f"{parent}[")) for parent in whole):
            continue
        elif (path in before and path in after) or not {_parent(path)} & (replaced | of_other_kind):
            yield path, before.get(path, MISSING), after.get(path, MISSING)
    for parent in sorted(replaced - of_other_kind):
        yield parent, _subtree(parent, before), _subtree(parent, after)


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _subtree(path: str, fields: Mapping[str, JsonValue]) -> JsonValue:
    if path in fields:
        return fields[path]
    inner = (f"{path}.", f"{path}[")
    return {name[len(path) :].lstrip("."): value for name, value in fields.items() if name.startswith(inner)}


def _commit_of(path: str, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> str | None:
    """Return the repository of the hub whose commit a field is, if it is the same on both sides."""
    parent, _, name = path.rpartition(".")
    hub = f"{parent}.hub"
    if name != "commit" or hub not in before or before[hub] != after.get(hub):
        return None
    return str(after[hub])


def _source(field: str, before: JsonValue | Absent, after: JsonValue | Absent, step: Step) -> str | None:
    """Return the location of something outside the store whose content changed, if it has one that can be shown."""
    if not (_is_digest(before) and _is_digest(after)):
        return None
    pinned = getattr(step.spec, field.partition(".")[0], None)
    source = pinned.source if isinstance(pinned, Pinned) else None
    if isinstance(source, BaseModel):
        settings = source.model_dump(mode="json", exclude_defaults=True)
        values = settings.values() if isinstance(settings, dict) else [settings]  # a bare name is written as text
        source = next((value for value in values if isinstance(value, str)), None)
    return source if isinstance(source, str) else None


def describe(changes: Sequence[Change]) -> str:
    """Return changes in words, such as "recipe `quick` changed its learning rate from 0.001 to 0.003"."""
    parts: list[str] = []
    # Fields without values are named together.
    others = [one_line(change.field) for change in changes[:_LISTED] if change.varies and change.name is None]
    for change in changes[:_LISTED]:
        first, _, rest = change.field.partition(".")
        if change.name is None and change.varies and len(others) > 1:
            continue
        if change.name is None:
            is_listed = bool(parts) and changes[0].name is None and " changed from " in parts[0]
            sentence = _sentence(change)
            parts.append(sentence.replace(" changed from ", " from ", 1) if is_listed else sentence)
        elif parts and change.name == changes[0].name:
            parts.append(f"its {_spaced(rest)}{_values(change)}")
        else:
            parts.append(f"{first} `{_shown(change.name)}` changed its {_spaced(rest)}{_values(change)}")
    if len(changes) > _LISTED:
        (others if len(others) > 1 else parts).append(_more(len(changes) - _LISTED))
    if len(others) < 2:
        return _joined(parts)
    return f"{_joined(parts)}, and so did {_joined(others)}" if parts else f"{_joined(others)} changed"


def describe_difference(changes: Sequence[Change]) -> str:
    """Return in what the side `before` differs, such as "seed 0 instead of 3"."""
    parts = [f"{one_line(c.field)} {_shown(c.before)} instead of {_shown(c.after)}" for c in changes[:_LISTED]]
    if len(changes) > _LISTED:
        parts.append(_more(len(changes) - _LISTED))
    return _joined(parts)


def _more(fields: int) -> str:
    return "1 more field" if fields == 1 else f"{fields} more fields"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(change: Change) -> str:
    if change.commit_of is not None:
        return f"commit of {_shown(change.commit_of)} changed{_values(change)}"
    if _is_digest(change.before) and _is_digest(change.after):
        source = f" ({_shown_path(change.source)})" if change.source and not change.varies else ""
        return f"content of the {_spaced(one_line(change.field))} changed{source}"
    return f"{one_line(change.field)} changed{_values(change)}"


def _values(change: Change) -> str:
    """Return ` from 0.001 to 0.003`, or what was added to a list and removed from it; nothing if the values vary."""
    before, after = change.before, change.after
    if change.varies or after is UNKNOWN:
        return ""
    if before is UNKNOWN:
        return f" to {_shown(after)}"
    if isinstance(before, dict) and isinstance(after, dict) and not _is_short(before, after):
        return " (other settings)"
    if isinstance(before, list) and isinstance(after, list):
        return _list_values(before, after)
    if change.commit_of:
        return f" from {_shown(before)[:7]} to {_shown(after)[:7]}"
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > _LONGEST:
        start = max(0, next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0) - 12)
        before, after = (f"...{text[start:]}" if start else text for text in (before, after))
    return f" from {_shown(before)} to {_shown(after)}"


def _list_values(before: Sequence[JsonValue], after: Sequence[JsonValue]) -> str:
    added, removed = [item for item in after if item not in before], [item for item in before if item not in after]
    if not (added or removed):
        return " (another order or repetition of the same values)"
    if len(before) + len(after) <= 2 * _LISTED and len(added) == len(removed):
        return f" from {_shown(list(before))} to {_shown(list(after))}"
    parts = [f"{_items(items)} {verb}" for items, verb in ((added, "added"), (removed, "removed")) if items]
    return f" ({', '.join(parts)})"


def _items(items: Sequence[JsonValue]) -> str:
    shown = ", ".join(_shown(item) for item in items[:_LISTED])
    return shown if len(items) <= _LISTED else f"{shown} and {len(items) - _LISTED} more"


def _is_short(*mappings: Mapping[str, JsonValue]) -> bool:
    """Whether mappings can be shown as they are: names with numbers."""
    return all(isinstance(value, int) for mapping in mappings for value in mapping.values())


def _shown(value: JsonValue | Absent) -> str:
    """Return a value on one line, shortened. It may come from the store of somebody else."""
    if isinstance(value, Absent):
        return value.value
    if value is None:
        return "none"
    if isinstance(value, dict) and value and _is_short(value):
        value = f"{{{', '.join(f'{name}: {number}' for name, number in value.items())}}}"
    text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    if not text:
        return "an empty text"
    if _HASH.fullmatch(text):
        return text[:12]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _shown_path(path: str) -> str:
    path = one_line(path)
    return path if len(path) <= _LONGEST else f"...{path[3 - _LONGEST :]}"


def _is_digest(value: JsonValue | Absent) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _spaced(field: str) -> str:
    return field.replace("_", " ")
