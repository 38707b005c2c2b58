from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.made_up import made_up_format

from prettyuseful.analysis.summary import Summary
from prettyuseful.data.image_lists import format_image_list
from prettyuseful.diagnosis.causes import CAUSES, Cause, Unit
from prettyuseful.diagnosis.findings import ExampleImages, ImageList
from prettyuseful.report.build import render, write_report
from prettyuseful.report.diagnosis import DatasetDiagnosis, dataset_diagnoses
from prettyuseful.report.series_style import series_styles

from .conftest import BLUR, Make

WITH_COST: dict[str, Any] = {
    "rates": {"real": 0.9, "base": 0.6, "base.blurred-real": 0.7, "base.sharper": 0.65},
    "changed": {
        "base.blurred-real": {"of": "real", "transform": BLUR},
        "base.sharper": {"of": "base", "transform": {"kind": "sharpen", "amount": 1.0}, "control": "base"},
    },
    "diagnosed": ["base"],
}


def diagnoses_of(summary: Summary) -> tuple[DatasetDiagnosis, ...]:
    return dataset_diagnoses(summary, series_styles(summary), {})


def with_diagnosis(summary: Summary, **update: Any) -> Summary:
    """Return the summary with a changed diagnosis of `base`."""
    [base] = [dataset for dataset in summary.datasets if dataset.name == "base"]
    assert base.diagnosis is not None
    diagnosis = base.diagnosis.model_copy(update=update)
    changed = base.model_copy(update={"diagnosis": diagnosis})
    return replace(summary, datasets=tuple(changed if d.name == "base" else d for d in summary.datasets))


def causes_of(summary: Summary) -> Any:
    [diagnosis] = [dataset.diagnosis for dataset in summary.datasets if dataset.diagnosis]
    return diagnosis.causes


def visible_text(html: str) -> str:
    """Return the text of the page without scripts, styles and tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_study_without_diagnosis_has_no_section(small: Summary) -> None:
    assert diagnoses_of(small) == ()
    assert 'id="diagnosis"' not in render(small)


def test_cause_of_an_added_row_has_a_finding(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit(lambda *effect: f"{effect[0]:g} sparks", lambda value: f"{value:g} sparks", "number of sparks")
    row = Cause("glare", "added", "Lights glare", "Lights are too bright.", ("Dim the lights.",), unit=unit)
    monkeypatch.setitem(CAUSES.rows, row.name, row)
    summary = make(diagnosed=["base"])
    finding = causes_of(summary)[1].model_copy(update={"id": "glare", "direction": "added", "effect": 7.0})
    changed = with_diagnosis(summary, causes=(finding,))
    page = visible_text(render(changed))
    for words in ("Lights glare.", "Lights are too bright.", "7 sparks", "Dim the lights."):
        assert words in page, words
    [diagnosis] = diagnoses_of(changed)
    assert "number of sparks" in str(diagnosis.causes[0].figure.layout)


def test_reported_causes_are_findings_and_all_tested_causes_are_listed(make: Make) -> None:
    [diagnosis] = diagnoses_of(make(diagnosed=["curated"]))
    assert diagnosis.style.label == "curated"
    assert [(cause.finding.id, cause.finding.direction) for cause in diagnosis.causes] == [
        ("high-frequencies", "lost"),
        ("coverage", "lost"),
    ]
    assert [cause.id for cause in diagnosis.diagnosis.causes] == ["high-frequencies", "coverage", "labels"]


def test_worst_classes_follow_the_sign_of_the_cause(make: Make) -> None:
    [diagnosis] = diagnoses_of(make(diagnosed=["base"]))
    frequencies, coverage = diagnosis.causes
    assert [name for name, _ in frequencies.worst] == ["fox", "dog", "cat"]  # a larger effect is worse
    assert [name for name, _ in coverage.worst] == ["cat", "dog", "fox"]  # nearer neighbours are worse
    assert coverage.few == ("fox",)


def test_finding_shows_evidence_examples_and_remedy(make: Make) -> None:
    html = render(make(diagnosed=["base"]))
    page = visible_text(html)
    for words in (
        "Fine detail is lost; images of a class are too similar to each other.",
        "Real images after this change come closest: blur of 0.8 px . It explains 86% of the difference",
        "Only in a few classes: fox .",
        "Suggested remedy",
        "features 5, 1; colour 1, 0.5.",
        "real images of &lt;cat&gt;",
        "p &lt; 0.001",
    ):
        assert words in page, words
    assert "Accuracy falls by" not in page
    examples = html[html.index('class="examples') :]
    assert examples.count('alt="a"') == 1


def test_measured_cost_of_a_cause_is_shown(make: Make) -> None:
    [diagnosis] = diagnoses_of(make(**WITH_COST))
    frequencies, coverage = diagnosis.causes
    assert frequencies.costs is not None
    assert 0.1 < frequencies.costs.mean < 0.3
    assert frequencies.costs.low < frequencies.costs.mean < frequencies.costs.high
    assert (coverage.costs, coverage.remedy) == (None, None)
    assert re.search(r"Accuracy falls by \d+\.\d points \[", visible_text(render(make(**WITH_COST))))
    better = {**WITH_COST, "rates": {**WITH_COST["rates"], "base.blurred-real": 0.99}}
    assert re.search(r"Accuracy rises by \d+\.\d points \[", visible_text(render(make(**better))))


def test_class_names_in_plots_are_not_markup(make: Make) -> None:
    [diagnosis] = diagnoses_of(make(diagnosed=["base"], classes=["<i>cat</i>", 'a "dog"']))
    assert diagnosis.causes[0].figure.layout["yaxis"]["ticktext"] == ["&lt;i&gt;cat&lt;/i&gt;", 'a "dog"']


def test_derived_data_sets_are_not_ranked_or_compared_with_their_origin(make: Make) -> None:
    summary = make(**WITH_COST)
    assert {row.dataset for row in summary.rows if row.rank_range} == set()
    assert [(pair.a, pair.b) for pair in summary.comparisons if not pair.planned] == []
    assert not any("Trained on base.blurred-real" in sentence for sentence in summary.answer)


def test_data_set_without_a_reported_cause(make: Make) -> None:
    summary = make(diagnosed=["base"])
    causes = [cause.model_copy(update={"named": False}) for cause in causes_of(summary)]
    differs, same = (
        visible_text(render(with_diagnosis(summary, causes=causes, differs=differs))) for differs in (True, False)
    )
    assert "It differs significantly from real images, but the cause is unknown." in differs
    assert "No cause reported." in same


def test_many_diagnoses_are_folded_except_for_the_first(make: Make) -> None:
    rates = {"real": 0.9, **{f"set{i}": 0.5 for i in range(4)}}
    page = render(make(rates=rates, diagnosed=[name for name in rates if name != "real"]))
    assert page.count('<details class="fold dataset" open>') == 1
    assert page.count('<details class="fold dataset">') == 3
    assert '<details class="fold dataset"' not in render(make(diagnosed=["base", "curated"]))


def test_a_difference_of_formats_is_shown_before_all_causes(make: Make) -> None:
    summary = with_diagnosis(make(diagnosed=["base"]), format=made_up_format("scale-position added"))
    page = visible_text(render(summary))
    words = (
        "The files differ in format. Fine detail is lost; images of a class are too similar to each other.",
        "The real images are JPEG of quality 60 (4:2:0); the synthetic images are PNG.",
        "The real images are left as they are. The synthetic images: 100% are encoded again as JPEG of quality 60",
        "not when both sides have the same format: scale-position added.",
        "Save both sides in one format before training: a classifier can see compression.",
        "Container JPEG of quality 60 (4:2:0) PNG 100% 0.007 yes",
        "Real images after this change come closest",
    )
    positions = [page.index(part) for part in words]
    assert positions == sorted(positions)
    assert "files differ in format" not in visible_text(render(make(diagnosed=["base"])))


def test_a_difference_of_formats_alone_is_no_other_difference(make: Make) -> None:
    summary = with_diagnosis(make(diagnosed=["base"]), format=made_up_format(), causes=(), differs=False)
    page = visible_text(render(summary))
    assert (
        "The files differ in format. No other cause reported. It does not differ significantly from real images when "
        "both sides are given the same format."
    ) in page
    assert "No reported cause disappears" in page


def with_lists(summary: Summary) -> Summary:
    image = next(image for dataset in summary.datasets for sample in dataset.samples for image in sample)
    entries = [
        ImageList(
            finding=finding,
            images=images,
            real_share=share,
            examples=ExampleImages(words="words", images=(image,), titles=("cat \u2192 <dog>",)),
        )
        for finding, images, share in (("repeats", 25, 0.01), ("most-typical", 20, None))
    ]
    return with_diagnosis(summary, lists=tuple(entries), images=200)


def test_lists_of_images_are_counted_against_real_images_and_linked(make: Make, tmp_path: Path) -> None:
    summary = with_lists(make(diagnosed=["base"]))
    [diagnosis] = diagnoses_of(summary)
    assert [(entry.kind.name, entry.images, entry.expected) for entry in diagnosis.lists] == [
        ("repeats", 25, 2.0),
        ("most-typical", 20, None),
    ]
    page = render(summary)
    assert "Repeats within the set repeats 25 2 closer to another" in visible_text(page)
    assert "cat \u2192 &lt;dog&gt;" in page
    assert "findings/base.csv" not in page
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "base.csv").write_text("mine\n")
    assert "findings/base.csv" not in write_report(summary, tmp_path / "report.html").read_text("utf-8")
    (tmp_path / "findings" / "base.csv").write_text(format_image_list([]))
    page = write_report(summary, tmp_path / "report.html").read_text("utf-8")
    assert '<a href="findings/base.csv">' in page
