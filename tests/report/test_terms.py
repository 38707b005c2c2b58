from __future__ import annotations

import pytest

from prettyuseful.report.terms import TERMS, Term, link_terms, term_link


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.id)
def test_every_term_has_a_short_hover(term: Term) -> None:
    assert term.hover.endswith(".")
    assert len(term.hover) <= 130
    assert term.title[0].isupper() or term.title.startswith("p,")


def test_terms_are_unique() -> None:
    phrases = [phrase for term in TERMS for phrase in term.phrases]
    assert len({term.id for term in TERMS}) == len(TERMS)
    assert len(set(phrases)) == len(phrases)


def test_first_mention_of_a_term_is_linked() -> None:
    first, second = link_terms(["A significant, significant difference.", "Another significant difference."])
    assert first.count('href="#term-significant"') == 1
    assert "href" not in second


def test_longer_phrases_win_and_parts_of_words_are_not_linked() -> None:
    [sentence] = link_terms(["a pre-registered comparison and an insignificant, uncovered rest"])
    assert sentence.count("<a ") == 1
    assert ">pre-registered comparison</a>" in sentence


def test_estimates_are_strong_and_names_are_escaped() -> None:
    [sentence] = link_terms(["<b> reaches 76.9% [72.7, 81.1], -5.0 points [-9.0, -0.9] and about 4 [2, more than 8]."])
    assert sentence.startswith("&lt;b&gt; reaches")
    for mean, ends in (("76.9%", "[72.7, 81.1]"), ("-5.0 points", "[-9.0, -0.9]"), ("4", "[2, more than 8]")):
        assert f'<strong class="nowrap">{mean}</strong> <span class="range">{ends}</span>' in sentence


def test_term_link_has_hover_and_target() -> None:
    link = term_link("coverage", "covers")
    for part in ('href="#term-coverage"', 'aria-describedby="hover-coverage"', 'title="The share', ">covers<"):
        assert part in link
