"""How long what other processes show has not changed. Clocks of machines are never compared."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Observation:
    sign: Hashable
    since: float


class Observations:
    """The last sign of life of each claim's holder, and since when there was no other (monotonic clock)."""

    def __init__(self) -> None:
        self._last: dict[str, _Observation] = {}

    def unchanged_seconds(self, key: str, sign: Hashable) -> float:
        """Note the sign that a claim shows now; return for how many seconds it has been the same, as far as known."""
        last, now = self._last.get(key), time.monotonic()
        if last is None or last.sign != sign:
            last = self._last[key] = _Observation(sign, now)
        return now - last.since
