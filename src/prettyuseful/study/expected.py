"""Descriptions of expected and given values of a study file, for error messages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from prettyuseful.fields import BareName
from prettyuseful.redaction import redact_line
from prettyuseful.study.schema import Slot, shape_of

_MAX_VALUE_LENGTH = 60  # characters of a value in a message
_MAX_NAMES = 12  # names of rows in a message


def describe_expected(slot: Slot, list_keys: bool = True) -> str:
    """Describe the valid values of a slot, such as "a whole number of 1 or more"; empty for unknown types.

    list_keys: list the keys of a mapping.
    """
    if slot.branches:
        return _describe_union(slot, list_keys)
    if slot.literals:
        return join_alternatives(_choices(slot))
    if slot.model:
        keys = f" (keys: {', '.join(slot.fields)})" if list_keys else ""
        return f"{'text or ' if issubclass(slot.model, BareName) else ''}a mapping{keys}"
    if slot.values:
        return f"a mapping of {_length_range(slot, 'entries') or 'entries'}{_describe_items(slot.values)}"
    if slot.items is not None:
        return f"a list of {len(slot.items)}: {' and '.join(describe_expected(item, False) for item in slot.items)}"
    if slot.is_list:
        return f"a list of {_length_range(slot, 'entries') or 'entries'}{_describe_items(slot.item(0))}"
    if slot.type is bool:
        return "true or false"
    if slot.type in (int, float):
        return f"a {'whole ' if slot.type is int else ''}number{_range(slot)}"
    if slot.type is str:
        length = _length_range(slot, "characters")
        return f"text of {length}" if length else "text"
    return ""


def describe_value(value: Any, private: bool = False) -> str:
    """Describe a value of a file, shortened. private: describe only its type."""
    match shape_of(value):
        case "mapping":
            return "a mapping" if value else "an empty mapping"
        case "list":
            return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of many digits"  # Python limits the conversion of huge integers to text
    if private:
        return "text" if isinstance(value, str) else "a number" if isinstance(value, int | float) else "another value"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is not finite"
    text = redact_line(repr(value) if isinstance(value, str | int | float) else str(value))
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}..."


def join_alternatives(alternatives: Iterable[str]) -> str:
    """Join alternatives as `a, b or c`, without duplicates."""
    *most, last = dict.fromkeys(alternatives)
    return f"{', '.join(most)} or {last}" if most else last


def _describe_union(slot: Slot, list_keys: bool) -> str:
    if slot.discriminator:
        tags = join_alternatives(str(branch.tag) for branch in slot.branches)
        return f"a mapping with {slot.discriminator}: {tags}"
    alternatives: list[str] = []
    for branch in slot.branches:
        alternatives += _choices(branch) if branch.literals else [describe_expected(branch, list_keys)]
    return join_alternatives(alternatives) if all(alternatives) else ""


def _choices(slot: Slot) -> list[str]:
    choices = [str(value).lower() if isinstance(value, bool) else repr(value) for value in slot.literals]
    if not slot.registered_names:
        return choices
    if len(choices) > _MAX_NAMES:
        choices = [*choices[:_MAX_NAMES], f"one of {len(choices) - _MAX_NAMES} other names (see `prettyuseful list`)"]
    return [*choices, "a user-defined module:OBJECT"]


def _describe_items(slot: Slot) -> str:
    description = describe_expected(slot, list_keys=False)
    return f", each {description}" if description else ""


def _length_range(slot: Slot, unit: str) -> str:
    low, high = slot.constraint("min_length"), slot.constraint("max_length")
    if low is None and high is None:
        return ""
    if high is None:
        return f"{low} or more {unit}"
    return f"at most {high} {unit}" if not low else f"{low} to {high} {unit}"


def _range(slot: Slot) -> str:
    low, above, high, below = (slot.constraint(name) for name in ("ge", "gt", "le", "lt"))
    if low is not None and high is not None:
        return f" from {_format_number(low)} to {_format_number(high)}"
    bounds = [
        *([f"of {_format_number(low)} or more"] if low is not None else []),
        *([f"above {_format_number(above)}"] if above is not None else []),
        *([f"at most {_format_number(high)}"] if high is not None else []),
        *([f"below {_format_number(below)}"] if below is not None else []),
    ]
    return f" {' and '.join(bounds)}" if bounds else ""


def _format_number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
