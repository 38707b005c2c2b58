from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.made_up import made_up_format, made_up_summary

from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.headline import headline
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts


def with_gap(summary: Summary, low: float, high: float) -> Summary:
    gap = Interval((low + high) / 2, low, high, 0.95, "seeds")
    return replace(summary, rows=tuple(row if row.real else replace(row, gap=gap) for row in summary.rows))


def test_headline_names_the_best_data_set_with_accuracy_and_difference() -> None:
    first, *_ = made_up_summary().headline
    assert first.startswith("The best of 2 generated data sets, base, is less useful as training data than real images")
    assert "60.0% [" in first
    assert "-26.7 points [" in first


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.2, -0.1, "less useful"), (0.1, 0.2, "more useful"), (-0.1, 0.2, "not clearly different from real images")],
)
def test_verdict_follows_the_interval(low: float, high: float, verdict: str) -> None:
    assert (
        f"Data set base is {verdict}"
        in with_gap(made_up_summary(rates={"real": 0.9, "base": 0.6}), low, high).headline[0]
    )


@pytest.mark.parametrize(
    ("effective", "sentence"),
    [
        (
            EffectiveReal(4.4, 1.5, 7.3, "none", 1, 10),
            "Its 10 images per class give the same accuracy as about 4.4 [1.5, 7.3] real images per class (effective "
            "real images).",
        ),
        (
            EffectiveReal(1, None, None, "below", 1, 10),
            "Its 10 images per class are less useful than 1 real image per class, the smallest number tried.",
        ),
        (
            EffectiveReal(10, 7, None, "above", 1, 10),
            "Effective real images per class of its 10 images: at least 10 (lower bound 7; most images tested).",
        ),
    ],
)
def test_effective_real_images_come_second(effective: EffectiveReal, sentence: str) -> None:
    summary = made_up_summary()
    rows = tuple(replace(row, worth=effective) for row in summary.rows)
    assert replace(summary, rows=rows).headline[1] == sentence


def test_main_cause_of_the_best_data_set_is_reported() -> None:
    summary = made_up_summary(diagnosed=["base"])
    assert (
        "The main reported cause is that fine detail is lost (applied to real images, blur of 0.8 px explains 86% of "
        "the difference)."
    ) in summary.headline


@pytest.mark.parametrize(
    ("differs", "words"), [(True, "no tested cause explains why"), (False, "No cause is reported")]
)
def test_headline_without_a_reported_cause(differs: bool, words: str) -> None:
    summary = made_up_summary(diagnosed=["base"])
    changed: list[Any] = []
    for dataset in summary.datasets:
        if dataset.diagnosis:
            causes = [cause.model_copy(update={"named": False}) for cause in dataset.diagnosis.causes]
            diagnosis = dataset.diagnosis.model_copy(update={"causes": causes, "differs": differs})
            dataset = dataset.model_copy(update={"diagnosis": diagnosis})
        changed.append(dataset)
    assert any(words in sentence for sentence in headline(changed, summary.rows, summary.comparisons))


@pytest.mark.parametrize(
    ("vanished", "end"),
    [
        (("structure lost", "texture added"), "2 causes disappear when both sides are given the same format."),
        ((), "both sides are given the same format before causes are looked for."),
    ],
)
def test_a_difference_of_formats_precedes_the_cause(vanished: tuple[str, ...], end: str) -> None:
    summary = made_up_summary(diagnosed=["base"])
    changed: list[Any] = [
        dataset.model_copy(
            update={"diagnosis": dataset.diagnosis.model_copy(update={"format": made_up_format(*vanished)})}
        )
        if dataset.diagnosis
        else dataset
        for dataset in summary.datasets
    ]
    sentences = headline(changed, summary.rows, summary.comparisons)
    [at] = [i for i, sentence in enumerate(sentences) if sentence.startswith("The files differ in format: ")]
    assert sentences[at] == (
        "The files differ in format: the real images are JPEG of quality 60 (4:2:0); the synthetic images are PNG; "
        f"{end}"
    )
    assert sentences[at + 1].startswith("The main reported cause is")
    assert len(sentences) == len(summary.headline) + 1


def test_pre_registered_comparison_precedes_exploratory_ones() -> None:
    rates = {"real": 0.9, "base": 0.6, "curated": 0.4, "other": 0.5}
    summary = made_up_summary(rates=rates, changed={"curated": {"generator": "pocket-base", "control": "base"}})
    _, planned, exploratory = summary.headline
    assert planned.startswith(
        "In the pre-registered comparison, the accuracy of curated differs from that of its control base by -20.0"
    )
    assert exploratory.startswith("1 of 2 unplanned pairs differ significantly")


def test_headline_has_at_most_three_sentences() -> None:
    rates = {f"set{i}": 0.5 for i in range(4)}
    changed = {f"set{i}": {"generator": "pocket-base", "control": "set0"} for i in (1, 2, 3)}
    assert len(made_up_summary(rates={"real": 0.9, **rates}, changed=changed).headline) == 3


def test_headline_without_results() -> None:
    nothing = ("No generated data set has a complete run yet, so there is no answer.",)
    assert made_up_summary(failed=("base", "curated")).headline == nothing
    assert headline((), (), ()) == nothing
    assert "cannot be compared with real images" in made_up_summary(failed=("real",)).headline[0]


def test_headline_of_an_unfinished_first_configuration() -> None:
    summary = made_up_summary(architectures=("small", "resnet18"))
    first = summary.rows[0].cell
    rows = [replace(row, to_real=None) if row.cell == first else row for row in summary.rows]
    (sentence,) = headline(summary.datasets, rows, summary.comparisons)
    assert "in the first configuration" in sentence


def test_headline_prefers_data_sets_without_real_images() -> None:
    summary = made_up_summary()
    mixed = [replace(row, holds_real=True) if row.dataset == "base" else row for row in summary.rows]
    assert headline(summary.datasets, mixed, ())[0].startswith("Data set curated is")
    every = [replace(row, holds_real=True) for row in summary.rows]
    assert headline(summary.datasets, every, ())[0].startswith("The best of 2 data sets, base, is")


def test_headline_of_a_study_with_derived_data_sets_only() -> None:
    summary = made_up_summary(rates={"real": 0.9, "base": 0.6})
    rows = [row if row.real else replace(row, of="real", holds_real=True) for row in summary.rows]
    assert headline(summary.datasets, rows, ())[0].startswith("Data set base is less useful")


def test_headline_says_how_many_real_images_the_baseline_has() -> None:
    summary = made_up_summary()
    assert summary.headline[0].endswith("compared with the same number of real images.")
    rows = [row if row.real else replace(row, images_per_class=ClassCounts(500)) for row in summary.rows]
    assert headline(summary.datasets, rows, ())[0].endswith("compared with only 10 real images per class.")


def test_what_the_figure_of_prettiness_shows_comes_first() -> None:
    rates = {"real": 0.9, "base": 0.6, "curated": 0.4, "other": 0.5}
    summary = made_up_summary(rates=rates, diagnosed=["base"], prettiness={"base": 0.1, "curated": 0.9, "other": 0.5})
    first, second, third = summary.headline
    assert first.startswith("3 independently generated data sets cannot show whether prettier sets are less useful")
    assert second.startswith("The best of 3 generated data sets")
    assert third.startswith("The main reported cause")
    assert summary.answer[0] == first
    assert headline(summary.datasets, summary.rows, summary.comparisons)[0] == second
