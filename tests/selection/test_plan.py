from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from prettyuseful.selection.plan import SelectionPlan


def select(**fields: Any) -> SelectionPlan:
    return SelectionPlan.model_validate({"of": "base", **fields})


def test_a_number_of_images_needs_no_quotes() -> None:
    assert select(by="k-centre", keep=20) == select(by="k-centre", keep="20 per class")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"by": "pretiness", "keep": "top 50%"}, "unknown selection score 'pretiness'; did you mean 'prettiness'?"),
        ({"keep": "top 50%"}, "by is missing: what is top 50% of? Set by, such as by: prettiness"),
        (
            {"by": "prettiness", "keep": "random 50%"},
            "by has no effect on a random choice; remove by, or write keep: top 50%",
        ),
        (
            {"by": "k-centre", "keep": "top 50%"},
            "k-centre has no top: it chooses images together; write keep: 50%",
        ),
        ({"by": "prettiness", "keep": "50%"}, "keep: 50% has no end; write top, bottom or middle before it"),
        (
            {"by": "prettiness", "keep": "top 5", "encoder": "efficientnet-lite0"},
            "encoder has no effect on prettiness; remove it",
        ),
        ({"by": "prettiness", "keep": "top 5", "seed": 1}, "seed only has an effect on a random choice; remove it"),
        (
            {"keep": "random 5", "without_control": "it is random"},
            "without_control has no effect on a random choice; remove it",
        ),
        ({"by": "prettiness", "keep": "top 0%"}, "'top 0%' keeps no image"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        select(**fields)


def test_the_random_control_has_equal_size_and_no_criterion() -> None:
    control = select(by="typicality", keep="middle 40%").random_control
    assert (control.of, control.by, control.keep) == ("base", None, "random 40%")
    assert control.is_random


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"by": "prettiness", "keep": "top 50%"}, "the top half of base by prettiness"),
        ({"by": "label-confidence", "keep": "bottom 10%"}, "the bottom 10% of base by label confidence"),
        ({"of": "real", "keep": "random 50%"}, "a random half of the real training images"),
    ],
)
def test_a_selection_in_words(fields: dict[str, Any], words: str) -> None:
    assert select(**fields).words == words
