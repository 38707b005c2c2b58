from __future__ import annotations

import re
from dataclasses import replace

import pytest

from prettyuseful.analysis.summary import Summary
from prettyuseful.diagnosis.causes import CAUSES, Cause, Unit
from prettyuseful.report.build import render
from prettyuseful.report.diagnosis import Letter, letters
from prettyuseful.report.series_style import looks_of

from .conftest import BLUR, Make

WITH_COST = {
    "rates": {"real": 0.9, "base": 0.6, "base.blurred-real": 0.7, "base.sharper": 0.65},
    "changed": {
        "base.blurred-real": {"of": "real", "transform": BLUR},
        "base.sharper": {"of": "base", "transform": {"kind": "sharpen", "amount": 1.0}, "control": "base"},
    },
    "diagnosed": ["base"],
}


def letters_of(summary: Summary) -> tuple[Letter, ...]:
    return letters(summary, looks_of(summary))


def visible(html: str) -> str:
    """The page's words without scripts, styles and tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_a_study_without_a_diagnosis_has_no_letters(small: Summary) -> None:
    assert letters_of(small) == ()
    assert 'id="diagnosis"' not in render(small)


def test_a_cause_that_is_added_as_a_row_has_its_letter(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit(lambda *of: f"{of[0]:g} sparks", lambda value: f"{value:g} sparks", "number of sparks")
    row = Cause("glare", "added", "Lights glare", "Lights are too bright.", ("Dim the lights.",), unit=unit)
    monkeypatch.setitem(CAUSES.rows, row.name, row)
    summary = make(diagnosed=["base"])
    [base] = [dataset for dataset in summary.datasets if dataset.name == "base"]
    assert base.diagnosis is not None
    found = base.diagnosis.causes[1].model_copy(update={"id": "glare", "direction": "added", "effect": 7.0})
    diagnosis = base.diagnosis.model_copy(update={"causes": (found,)})
    datasets = tuple(
        one.model_copy(update={"diagnosis": diagnosis}) if one.name == "base" else one for one in summary.datasets
    )
    changed = replace(summary, datasets=datasets)
    page = visible(render(changed))
    for words in ("Lights glare.", "Lights are too bright.", "Found: 7 sparks", "Dim the lights."):
        assert words in page or words.replace(": ", " : ") in page, words
    [letter] = letters_of(changed)
    assert "number of sparks" in str(letter.named[0].figure.layout)


def test_a_letter_lists_the_named_causes_and_everything_that_was_looked_for(make: Make) -> None:
    [letter] = letters_of(make(diagnosed=["curated"]))
    assert letter.look.label == "curated"
    assert [(one.found.id, one.found.direction) for one in letter.named] == [
        ("high-frequencies", "lost"),
        ("coverage", "lost"),
    ]
    assert [cause.id for cause in letter.diagnosis.causes] == ["high-frequencies", "coverage", "labels"]


def test_the_worst_classes_come_first_by_the_cause_s_own_sign(make: Make) -> None:
    [letter] = letters_of(make(diagnosed=["base"]))
    blurred, alike = letter.named
    assert [word.split(" ")[0] for word in blurred.worst] == ["fox", "dog", "cat"]  # a larger effect is worse
    assert [word.split(" ")[0] for word in alike.worst] == ["cat", "dog", "fox"]  # nearer neighbours are worse
    assert alike.few == ("fox",)


def test_it_reads_like_a_letter(make: Make) -> None:
    page = visible(render(make(diagnosed=["base"])))
    for said in (
        "Fine detail is lost ; then images of a class are too similar to each other",
        "Like blur of 0.8 px : that explains 86% of the difference",
        "12.5 [10, 15] standard deviations nearer",
        "Only a few classes show it: fox.",
        "What to try.",
        "features 5, 1; colour 1, 0.5.",
        "real images of &lt;cat&gt;",
        "neighbours at 0.67 [0.55, 0.82] times the distance in real images",
    ):
        assert said in page or said.replace(" ;", ";").replace(" :", ":") in page, said
    assert "What it costs" not in page


def test_what_a_cause_costs_is_shown_where_it_was_measured(make: Make) -> None:
    [letter] = letters_of(make(**WITH_COST))
    blurred, alike = letter.named
    assert blurred.costs is not None
    assert 0.1 < blurred.costs.mean < 0.3
    assert blurred.costs.low < blurred.costs.mean < blurred.costs.high
    assert (alike.costs, alike.remedy) == (None, None)
    assert "What it costs: accuracy falls by" in visible(render(make(**WITH_COST)))


def test_what_is_made_of_another_set_does_not_compete_with_it(make: Make) -> None:
    summary = make(**WITH_COST)
    assert {row.dataset for row in summary.rows if row.place} == set()
    assert [(pair.a, pair.b) for pair in summary.comparisons if not pair.planned] == []
    assert not any("Trained on base.blurred-real" in sentence for sentence in summary.answer)


def test_a_set_that_differs_for_no_known_cause_and_one_that_does_not_differ(make: Make) -> None:
    summary = make(diagnosed=["base"])

    def said(differs: bool) -> str:
        base = next(dataset for dataset in summary.datasets if dataset.name == "base")
        assert base.diagnosis is not None
        causes = [cause.model_copy(update={"named": False}) for cause in base.diagnosis.causes]
        update = {"diagnosis": base.diagnosis.model_copy(update={"causes": causes, "differs": differs})}
        others = [dataset for dataset in summary.datasets if dataset.name != "base"]
        changed = Summary(**{**summary.__dict__, "datasets": (*others, base.model_copy(update=update))})
        return visible(render(changed))

    assert "It differs clearly from real images, for a cause unknown." in said(True)
    assert "Nothing clear." in said(False)
