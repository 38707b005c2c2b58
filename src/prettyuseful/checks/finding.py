"""What a check found. Steps store findings, records contain them, and reports, JSON and gates show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["error", "warning", "note"]
"""`error`: the numbers are wrong. `warning`: they may mislead. `note`: worth knowing."""
_RANK: Mapping[str, int] = {"error": 0, "warning": 1, "note": 2}


class Finding(BaseModel):
    """What one check found in one set of images.

    `check`: id of the check. `set`: name of the set. `against`: name of the set that it was compared with, if any.
    `count`: number of images (or classes) concerned. `total`: number of images (or classes) that were checked.
    `words`: the finding in one sentence. `advice`: what to do about it. `examples`: some of the images, by their paths,
    or some of the classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    check: str
    severity: Severity
    set: str
    against: str | None = None
    count: int = Field(ge=0)
    total: int = Field(ge=0)
    words: str
    advice: str
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share (0-1) of the checked images or classes that are concerned."""
        return self.count / self.total if self.total else 0.0

    @property
    def misleads(self) -> bool:
        """Whether the numbers are wrong or may mislead."""
        return self.severity != "note"


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return errors first, then warnings and notes, each in the given order."""
    return tuple(sorted(findings, key=lambda finding: _RANK[finding.severity]))
