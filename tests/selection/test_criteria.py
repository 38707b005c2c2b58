from __future__ import annotations

import pytest

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.selection.criteria import CRITERIA, find_criterion


def test_every_score_of_images_is_a_criterion() -> None:
    for name in SCORES.rows:
        assert find_criterion(name).reads == "score"
        assert not find_criterion(name).compares_with_real


@pytest.mark.parametrize("criterion", list(CRITERIA), ids=lambda criterion: criterion.name)
def test_rows_are_complete(criterion) -> None:  # type: ignore[no-untyped-def]
    assert criterion.summary
    assert criterion.by
    assert (criterion.function is None) == (criterion.reads == "score")
    assert criterion.function is None or callable(criterion.load())
    assert criterion.spread == (criterion.reads == "features")


def test_a_user_defined_score_is_named_without_loading_it() -> None:
    criterion = find_criterion("/nowhere/mine.py:SHINE")
    assert (criterion.by, criterion.reads) == ("mine:SHINE", "score")
