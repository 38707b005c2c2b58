from __future__ import annotations

from dataclasses import replace

import pytest

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.rows import offline_scores, pin_score


def test_composites_are_made_of_scores_of_single_images() -> None:
    for score in SCORES:
        assert all(SCORES[part].per_image for part in score.parts)
    assert [score.name for score in SCORES if score.parts] == ["prettiness"]
    assert "prettiness" not in offline_scores()


def test_the_version_of_a_score_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pin_score("contrast")
    monkeypatch.setitem(SCORES.rows, "contrast", replace(SCORES["contrast"], version=2))
    assert before.content == "contrast 1"
    assert pin_score("contrast").content == "contrast 2"
