from __future__ import annotations

from typing import Any

import pytest
from tests.made_up import made_up_summary, study_file

from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.real_sources import few_real_images
from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts

RATES = {"real": 0.9, "text": 0.6, "near": 0.4, "tuned": 0.5}
TUNE = {"few": {"of": "pocket-base", "images_per_class": 4}}
PLANS: dict[str, dict[str, Any]] = {
    "text": {},
    "near": {"condition": {"kind": "image", "strength": 0.2, "sources": 4}},
    "tuned": {"generator": {"model": "pocket-base", "lora": "few"}},
}


def summary(alone: float, **changes: Any) -> Summary:
    settings = {"rates": RATES, "changed": PLANS, "tune": TUNE, "curve": {4: alone, 10: 0.9}, "seeds": (0, 1, 2, 3)}
    return made_up_summary(**{**settings, **changes})


def test_real_images_that_are_better_alone_come_first() -> None:
    found = summary(alone=0.8)
    assert [one.dataset for one in found.sources] == ["near", "tuned"]
    assert all(one.real_images == ClassCounts(4) and one.difference.high < 0 for one in found.sources)
    assert found.headline[0].startswith(
        "Of 2 data sets made from few real images, none is more useful and 2 are less useful as training data than "
        "these images alone; the best, tuned, differs by -"
    )
    assert found.headline[0].endswith(" after training on these alone for as many steps.")
    assert found.answer[0].startswith(
        "near is less useful as training data than the 4 real images per class that it was made from: -"
    )
    assert all(one.p is not None and one.p < 0.05 for one in found.sources)


def test_images_that_are_worth_more_than_their_sources_say_so() -> None:
    found = summary(alone=0.2)
    assert " real images, 1 is more useful and none is less useful as " in found.headline[0]
    assert found.answer[1].startswith("tuned is more useful as training data than the 4 real images per class ")


def test_no_clear_difference_says_what_would_have_been_found() -> None:
    found = summary(alone=0.55, rates={"real": 0.9, "tuned": 0.5})
    (one,) = found.sources
    assert not one.difference.excludes_zero
    assert found.headline[0] == f"Data set {one.sentence}"
    assert one.sentence.startswith("tuned is not clearly different as training data from the 4 real images per class ")
    assert f"; {detectable_sentence(one.difference)}." in one.sentence


def test_differences_are_corrected_for_each_other() -> None:
    several = {one.dataset: one for one in summary(alone=0.8).sources}
    (alone,) = summary(alone=0.8, rates={"real": 0.9, "tuned": 0.5}).sources
    assert several["tuned"].difference.low < alone.difference.low < alone.difference.high
    assert several["tuned"].difference.mean == pytest.approx(alone.difference.mean)


def test_a_curve_without_the_number_of_real_images_is_told_where_to_add_it() -> None:
    found = summary(alone=0.8, curve={5: 0.8, 10: 0.9})
    assert not found.sources
    assert (
        "near, tuned were made from 4 real images per class. Whether these images alone are as useful was not "
        "measured; add 4 to train.real_curve."
    ) in found.answer
    assert not any("made from" in sentence for sentence in found.headline)


def test_the_number_of_real_images_follows_mixes_selections_and_tunings() -> None:
    study = study_file(
        {
            **PLANS,
            "all": {"condition": {"kind": "image", "strength": 0.2}},
            "mixed": {"mix": {"real": 3, "near": 5}},
            "larger": {"mix": {"real": 6, "text": 2}},
            "half": {"select": {"of": "near", "keep": "random 50%"}},
            "chosen": {"select": {"of": "real", "by": "prettiness", "keep": "top 5", "without_control": "a test"}},
            "added": {"mix": {"chosen": 5, "text": 5}},
            "again": {"pretrain": "text", **PLANS["near"]},
        },
        TUNE,
    )
    used = {name: study.real_images_used(name) for name in study.datasets}
    made_from_four = dict.fromkeys(("near", "tuned", "mixed", "half", "again"), 4)
    assert used == {"text": 0, "all": 10, "larger": 6, "chosen": 5, "added": 5, **made_from_four}
    few = {name: few_real_images(study, name, ClassCounts(8)) for name in ("all", "chosen", "added", "larger", "again")}
    assert few == {"all": 0, "chosen": 5, "added": 5, "larger": 6, "again": 0}
    assert few_real_images(study, "chosen", ClassCounts(5)) == 0
