from __future__ import annotations

import pytest

from prettyuseful.gpu_check.lines import Line, Relation, failed, not_measured


@pytest.mark.parametrize(
    ("relation", "seen", "ok"),
    [
        ("at least", 9, False),
        ("at least", 10, True),
        ("at most", 11, False),
        ("at most", 10, True),
        ("about", 11.4, True),
        ("about", 11.6, False),
        ("about", 8.4, False),
        ("exactly", 10, True),
        ("", 3, None),
    ],
)
def test_a_line_is_compared_with_what_is_expected(relation: Relation, seen: float, ok: bool | None) -> None:
    assert Line("name", seen, "ms", relation, 10).ok is ok


def test_what_is_not_measured_is_not_wrong_and_an_error_is() -> None:
    line = not_measured("name", "out of time")
    assert (line.ok, line.note) == (None, "not measured: out of time")
    line = failed("name", ValueError("first\nsecond"))
    assert (line.ok, line.seen) == (False, "ValueError: first")
    assert line.as_json()["ok"] is False
