"""The lines of the check: what is expected, what is seen, and whether that is right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Value = float | str
Relation = Literal["at least", "at most", "about", "exactly", ""]
TOLERANCE = 0.15
"""Relative difference between predicted and measured memory that is accepted."""


@dataclass(frozen=True)
class Line:
    """One line of the check.

    Attributes:
        name: what is measured.
        seen: the measured value; None if nothing was measured.
        unit: of `seen` and `expected`.
        relation: how `seen` should relate to `expected`; empty if there is no expectation.
        expected: the value that `seen` is compared with.
        note: why nothing was measured, or a remark.
        part: the part of the check.
    """

    name: str
    seen: Value | None
    unit: str = ""
    relation: Relation = ""
    expected: Value | None = None
    note: str = ""
    part: str = ""

    @property
    def ok(self) -> bool | None:
        """Return whether the line is as expected; None if nothing was measured, or nothing is expected."""
        seen, expected = self.seen, self.expected
        if seen is None or not self.relation:
            return None
        if self.relation == "exactly":
            return seen == expected
        assert isinstance(seen, int | float)
        assert isinstance(expected, int | float)
        if self.relation == "about":
            return abs(seen - expected) <= TOLERANCE * expected
        return seen >= expected if self.relation == "at least" else seen <= expected

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


def not_measured(name: str, why: str) -> Line:
    """Return a line for what was left out, and why."""
    return Line(name, None, note=f"not measured: {why}")


def failed(name: str, error: BaseException) -> Line:
    """Return a line for a part that raised an error: its type and the first line of its message."""
    first = next(iter(str(error).splitlines()), "")
    return Line(name, f"{type(error).__name__}: {first}"[:300], "", "exactly", "no error")
