"""Filters of `prettyuseful list generators`."""

from __future__ import annotations

from typing import Any

import pytest

from prettyuseful.errors import UserError
from prettyuseful.generators.filters import select_models
from prettyuseful.generators.model_rows import MODELS


def test_without_filters_all_models_are_chosen() -> None:
    assert select_models() == list(MODELS.values())


@pytest.mark.parametrize("name", ["flux", "FLUX", "Flux"])
def test_the_case_of_a_family_does_not_matter(name: str) -> None:
    assert [model.id for model in select_models(family=name)] == ["flux.1-dev", "flux.1-schnell", "flux.1-krea-dev"]


def test_models_after_a_month_are_newer_than_it() -> None:
    found = select_models(released_after="2025-07")
    assert {"chroma1-hd", "flux.2-dev"} <= {model.id for model in found}
    assert all(model.released is not None and model.released > "2025-07" for model in found)
    assert "flux.1-krea-dev" not in {model.id for model in found}  # of this month
    assert "pocket-base" not in {model.id for model in found}


def test_a_licence_is_found_by_a_part_of_it() -> None:
    found = select_models(licence="APACHE")
    assert found
    assert all("Apache" in model.licence for model in found)
    assert select_models(licence="no such licence") == []


def test_filters_are_combined() -> None:
    found = select_models("Flux2KleinPipeline", "2025-12", "apache")
    assert [model.id for model in found] == ["flux.2-klein-4b", "flux.2-klein-base-4b"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"family": "fluxx"}, "no generator has the family 'fluxx'; did you mean 'flux'?"),
        ({"family": "ZImagePipelin"}, "did you mean 'zimagepipeline'?"),
        ({"released_after": "2025"}, "invalid month '2025' (--released-after); write year and month, such as 2025-01"),
        ({"released_after": "2025-13"}, "invalid month '2025-13'"),
    ],
)
def test_impossible_filters_are_refused(filters: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        select_models(**filters)
    assert message in str(raised.value)
