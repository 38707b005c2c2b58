from __future__ import annotations

from prettyuseful.checks.base import Check, Hit


def test_a_hit_becomes_a_finding_with_the_words_of_its_row() -> None:
    check = Check(
        id="blue", title="Blue", finds="Blue images.", severity="note", advice="Look.", function=lambda _: iter(())
    )
    finding = check.finding(Hit("photos", 2, 8, "2 are blue.", ("a.png",), "others"))
    assert (finding.check, finding.severity, finding.advice) == ("blue", "note", "Look.")
    assert (finding.set, finding.against, finding.count, finding.total) == ("photos", "others", 2, 8)
    assert (finding.words, finding.examples, finding.misleads) == ("2 are blue.", ("a.png",), False)
