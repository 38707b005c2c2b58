from __future__ import annotations

import time

import pytest

from prettyuseful.engine.store.observations import Observations


def test_time_counts_from_the_last_change_of_each_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observations = Observations()
    assert observations.unchanged_seconds("a", 1) == 0
    now = 5.0
    assert observations.unchanged_seconds("a", 1) == 5
    assert observations.unchanged_seconds("b", 1) == 0
    assert observations.unchanged_seconds("a", 2) == 0
    now = 7.0
    assert observations.unchanged_seconds("a", 2) == 2
    assert observations.unchanged_seconds("b", 1) == 2
