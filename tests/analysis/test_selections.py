from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.made_up import made_up_summary

from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.selections import SelectionEffect
from prettyuseful.analysis.statistics import Component, Interval
from prettyuseful.analysis.summary import Summary


def chosen(of: str, by: str | None, keep: str, control: str | None = None) -> dict[str, Any]:
    select = {"of": of, "keep": keep} | ({"by": by} if by else {})
    return {"select": select} | ({"control": control} if control else {})


def halves(of: str) -> dict[str, dict[str, Any]]:
    return {
        f"{of}.top": chosen(of, "prettiness", "top 50%", f"{of}.random"),
        f"{of}.bottom": chosen(of, "prettiness", "bottom 50%", f"{of}.random"),
        f"{of}.random": chosen(of, None, "random 50%"),
    }


def summary(*sets: str, top: float = 0.2, **changes: Any) -> Summary:
    rates = {"real": 0.9}
    for name in sets:
        rates |= {name: 0.7, f"{name}.top": top, f"{name}.bottom": 0.6, f"{name}.random": 0.6}
    changed = {key: plan for name in sets for key, plan in halves(name).items()}
    return made_up_summary(rates=rates, changed=changed, seeds=(0, 1, 2, 3), **changes)


def effects(found: Summary) -> dict[tuple[str, ...], SelectionEffect]:
    return {effect.selection: effect for effect in found.selections}


def test_the_harm_of_a_selection_is_a_sentence() -> None:
    found = summary("base")
    harm = effects(found)["base.top",]
    assert harm.difference.high < 0
    assert harm.sentence.startswith("The prettier half of base gives ")
    assert harm.sentence.endswith("] less than a random half.")
    assert harm.sentence in found.answer
    assert found.headline[0] == harm.sentence
    assert not any("Pre-registered comparison of base.top" in sentence for sentence in found.answer)


def test_a_gain_says_more_and_silence_says_what_would_have_been_found() -> None:
    gain = effects(summary("base", top=0.95))["base.top",]
    assert "] more than a random half." in gain.sentence
    components = (Component("test images", 1e-4, 60, 64), Component("selected images", 1e-4, 3, 4))
    unclear = Interval(0.01, -0.02, 0.04, 0.95, "", error=2e-4**0.5, components=components)
    silent = replace(effects(summary("base"))["base.bottom",], difference=unclear)
    assert silent.sentence == (
        "The less pretty half of base shows no clear difference from a random half: +1.0 points [-2.0, +4.0]; "
        f"{detectable_sentence(unclear)}."
    )


def test_the_interval_covers_which_images_are_selected() -> None:
    for effect in summary("base").selections:
        assert effect.difference.covers.startswith("the images that are selected")


def test_of_several_data_sets_the_mean_comes_first() -> None:
    found = summary("base", "other")
    first = found.selections[0]
    assert (first.of, first.selection) == (("base", "other"), ("base.top", "other.top"))
    assert first.sentence.startswith("On average over 2 data sets, the prettier half gives ")
    single = [effects(found)[(name,)].difference.mean for name in first.selection]
    assert first.difference.mean == pytest.approx(sum(single) / 2)
    assert found.headline[0] == first.sentence
    assert not summary("base").mean_selections


def test_selections_of_derived_data_sets_are_not_averaged() -> None:
    rates = {"real": 0.9, "base": 0.7, "base.top": 0.5, "base.random": 0.6}
    changed = {name: halves("base")[name] for name in ("base.top", "base.random")}
    blurred = {"of": "base", "transform": {"kind": "blur", "width": 0.02}}
    rates |= {"blurred": 0.6, "blurred.top": 0.5, "blurred.random": 0.6}
    changed |= {"blurred": blurred} | {n: halves("blurred")[n] for n in ("blurred.top", "blurred.random")}
    found = made_up_summary(rates=rates, changed=changed)
    assert not found.mean_selections
    assert len(found.selections) == 2


@pytest.mark.parametrize(
    ("by", "keep", "words", "random"),
    [
        ("prettiness", "top 30%", "the prettiest 30% of base", "a random 30%"),
        ("prettiness", "bottom 30%", "the least pretty 30% of base", "a random 30%"),
        ("prettiness", "top 5", "the top 5 images per class of base by prettiness", "5 random images per class"),
        ("sharpness", "top 50%", "the top half of base by sharpness", "a random half"),
        ("k-centre", "50%", "half of base by k-centre", "a random half"),
    ],
)
def test_other_selections_are_named_by_their_end_and_score(by: str, keep: str, words: str, random: str) -> None:
    changed = {"chosen": chosen("base", by, keep)}
    rates = {"real": 0.9, "base": 0.7, "chosen": 0.3, "chosen-random": 0.6}
    changed |= {"chosen-random": chosen("base", None, f"random {keep.split()[-1]}")}
    [effect] = made_up_summary(rates=rates, changed=changed).selections
    assert (effect.words, effect.random_words) == (words, random)


def test_every_configuration_has_its_effects_and_the_answer_is_about_the_first() -> None:
    found = summary("base", architectures=("small", "other"))
    assert [effect.cell[0] for effect in found.selections] == ["small", "small", "other", "other"]
    assert [effect.cell[0] for effect in found.first_selections] == ["small", "small"]
