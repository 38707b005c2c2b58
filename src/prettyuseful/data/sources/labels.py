"""The class name that a value in a table, a shard or a file gives to an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prettyuseful.data.sources.safe_reading import check_label, printable
from prettyuseful.errors import DataError


def label_text(value: Any, names: Sequence[str] | None, location: str) -> str:
    """Return the class name of a label.

    Args:
        value: a name, a number from 0, or a list with one of them.
        names: the names of the numbers; None if they have none, and a number stands for itself.
        location: where the label is, for error messages.

    Raises:
        DataError: the label is missing, there are several, or the number has no name.
    """
    if isinstance(value, list | tuple):
        if len(value) != 1:
            listed = printable(", ".join(map(str, value[:5])))
            raise DataError(
                f"{location} has {len(value)} labels ({listed}), but an image needs one; choose one, or remove it"
            )
        value = value[0]
    if isinstance(value, str):
        return check_label(value, location)
    if type(value) is int and 0 <= value < (len(names) if names else 1 << 31):
        return check_label(names[value], location) if names else str(value)
    known = f"the schema names {len(names)} classes" if names else "a label must be a string or a number from 0"
    raise DataError(f"{location} has label {printable(repr(value)[:500])}, but {known}; correct or remove the row")
