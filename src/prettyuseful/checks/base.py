"""The definition of a data check: one frozen row, which reports, JSON, gates and docs use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from prettyuseful.checks.finding import Finding, Severity
from prettyuseful.checks.image_set import Sets
from prettyuseful.checks.results import Results

Reads = Literal["images", "results"]


@dataclass(frozen=True)
class Hit:
    """What a check finds in one set; see `finding.Finding` for the fields."""

    set: str
    count: int
    total: int
    words: str
    examples: tuple[str, ...] = ()
    against: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """A data check, as one row.

    `id`: name in JSON and gates. `title`: heading in the report. `finds`: what it finds, in one sentence. `severity`:
    see `finding.Severity`. `advice`: what to do about it. `function`: yields one `Hit` for each checked set that has
    the problem. It reads images (`Sets`) or, with `reads="results"`, the results of classifiers (`Results`). `unit`:
    what is counted.
    """

    id: str
    title: str
    finds: str
    severity: Severity
    advice: str
    function: Callable[[Sets], Iterator[Hit]] | Callable[[Results], Iterator[Hit]]
    reads: Reads = "images"
    unit: Literal["images", "classes"] = "images"

    def finding(self, hit: Hit) -> Finding:
        """Return a hit of this check as a finding."""
        return Finding(
            check=self.id,
            severity=self.severity,
            set=hit.set,
            against=hit.against,
            count=hit.count,
            total=hit.total,
            words=hit.words,
            advice=self.advice,
            examples=hit.examples,
        )
