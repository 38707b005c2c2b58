from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.made_up import made_up_summary

from prettyuseful.analysis.summary import Summary
from prettyuseful.checks.finding import Finding, Severity


def finding(severity: Severity, words: str, check: str = "repeated") -> Finding:
    return Finding(check=check, severity=severity, set="base", count=2, total=9, words=words, advice="Look.")


def with_findings(*findings: Finding) -> Summary:
    summary = made_up_summary()
    datasets = (
        data.model_copy(update={"findings": findings if data.name == "base" else ()}) for data in summary.datasets
    )
    return replace(summary, datasets=tuple(datasets))


def confused(summary: Summary, taken_for: list[int]) -> Summary:
    """Return the summary with tests of real-trained classifiers on `base` that take its classes for these ones."""
    table = np.zeros((len(taken_for), len(taken_for)), int)
    table[np.arange(len(taken_for)), taken_for] = 20

    def changed(test: Any) -> Any:
        confusion = table if test.tested_on == "base" else np.eye(len(taken_for), dtype=int) * 20
        return test.model_copy(update={"confusion": confusion.tolist()})

    runs = (run.model_copy(update={"transfers": [changed(test) for test in run.transfers]}) for run in summary.runs)
    return replace(summary, runs=tuple(runs))


def test_errors_are_the_first_sentences_of_the_answer_and_warnings_are_apart() -> None:
    summary = with_findings(finding("note", "n."), finding("warning", "w."), finding("error", "e."))
    assert [found.words for found in summary.findings] == ["e.", "w.", "n."]
    assert summary.answer[0] == "e."
    assert len(summary.answer) > 2
    assert (summary.errors, summary.warnings) == (("e.",), ("w.",))
    assert "w." not in summary.answer


def test_a_study_without_checks_says_so() -> None:
    assert not made_up_summary().checked
    assert with_findings().checked
    assert with_findings().findings == ()


def test_permuted_labels_are_found_by_the_classifiers_trained_on_real_images() -> None:
    (found,) = confused(with_findings(), [1, 0, 2]).findings
    assert (found.check, found.set, found.count) == ("permuted_labels", "base", 40)
    assert "'cat' and 'dog'" in found.words
    assert confused(with_findings(), [0, 1, 2]).findings == ()
