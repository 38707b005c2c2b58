from __future__ import annotations

from prettyuseful.checks.finding import Finding, Severity, by_severity


def finding(severity: Severity, count: int = 1) -> Finding:
    return Finding(check="x", severity=severity, set="s", count=count, total=4, words=".", advice=".")


def test_errors_come_first_and_equal_findings_keep_their_order() -> None:
    found = by_severity([finding("note"), finding("warning", 1), finding("error"), finding("warning", 2)])
    assert [(f.severity, f.count) for f in found] == [("error", 1), ("warning", 1), ("warning", 2), ("note", 1)]


def test_the_share_of_an_empty_set_is_zero() -> None:
    assert finding("note").share == 0.25
    assert finding("note").model_copy(update={"total": 0}).share == 0
