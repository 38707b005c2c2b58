"""What may stand in a place of a study file, and what does stand there, in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from prettyuseful.errors import one_line
from prettyuseful.fields import BareName
from prettyuseful.study.schema import Slot, shape_of

_LONGEST = 60  # characters of a value that are shown


def expected(slot: Slot, whole: bool = True) -> str:
    """Such as "a whole number of 1 or more"; empty for a type that it has no words for.

    whole: with the keys of a mapping.
    """
    if slot.branches:
        return _of_union(slot, whole)
    if slot.literals:
        return either(_choices(slot))
    if slot.model:
        keys = f" (keys: {', '.join(slot.fields)})" if whole else ""
        return f"{'text or ' if issubclass(slot.model, BareName) else ''}a mapping{keys}"
    if slot.values:
        return f"a mapping of {_many(slot, 'entries') or 'entries'}{_each(slot.values)}"
    if slot.items is not None:
        return f"a list of {len(slot.items)}: {' and '.join(expected(item, False) for item in slot.items)}"
    if slot.is_list:
        return f"a list of {_many(slot, 'entries') or 'entries'}{_each(slot.item(0))}"
    if slot.type is bool:
        return "true or false"
    if slot.type in (int, float):
        return f"a {'whole ' if slot.type is int else ''}number{_bounds(slot)}"
    if slot.type is str:
        length = _many(slot, "characters")
        return f"text of {length}" if length else "text"
    return ""


def given(value: Any, private: bool = False) -> str:
    """A value of a file, shortened. private: only what kind of value it is."""
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
        return "a number of many digits"  # which Python may refuse to write out
    if private:
        return "text" if isinstance(value, str) else "a number" if isinstance(value, int | float) else "another value"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is not finite"
    shown = one_line(repr(value) if isinstance(value, str | int | float) else str(value))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def _of_union(slot: Slot, whole: bool) -> str:
    if slot.discriminator:
        return f"a mapping with {slot.discriminator}: {either(str(branch.tag) for branch in slot.branches)}"
    parts: list[str] = []
    for branch in slot.branches:
        parts += _choices(branch) if branch.literals else [expected(branch, whole)]
    return either(parts) if all(parts) else ""


def _choices(slot: Slot) -> list[str]:
    words = [str(value).lower() if isinstance(value, bool) else repr(value) for value in slot.literals]
    return [*words, "your own as module:OBJECT"] if slot.row_names else words


def _each(slot: Slot) -> str:
    words = expected(slot, whole=False)
    return f", each {words}" if words else ""


def _many(slot: Slot, what: str) -> str:
    low, high = slot.constraint("min_length"), slot.constraint("max_length")
    if low is None and high is None:
        return ""
    if high is None:
        return f"{low} or more {what}"
    return f"at most {high} {what}" if not low else f"{low} to {high} {what}"


def _bounds(slot: Slot) -> str:
    low, above, high, below = (slot.constraint(name) for name in ("ge", "gt", "le", "lt"))
    if low is not None and high is not None:
        return f" from {_number(low)} to {_number(high)}"
    bounds = [
        *([f"of {_number(low)} or more"] if low is not None else []),
        *([f"above {_number(above)}"] if above is not None else []),
        *([f"at most {_number(high)}"] if high is not None else []),
        *([f"below {_number(below)}"] if below is not None else []),
    ]
    return f" {' and '.join(bounds)}" if bounds else ""


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
