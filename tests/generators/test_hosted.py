from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.generators.hosted import HostedModel, join_counts


def model(**fields: Any) -> HostedModel:
    return HostedModel.model_validate({"endpoint": "https://api.example/v1", "model": "painter", **fields})


def test_the_key_holds_what_changes_images_and_neither_server_nor_money() -> None:
    def key(**fields: Any) -> str:
        return digest(model(**fields).pin().content)

    same = {"endpoint": "http://other/v1/", "api_key_env": "KEY", "concurrency": 2, "per_minute": 5, "timeout": 9}
    assert key() == key(**same) == key(cost_per_image=0.1, at_most=9)
    assert len({key(), key(model="x"), key(size="256x256"), key(options={"quality": "low"})}) == 4


def test_the_address_may_be_written_with_its_path() -> None:
    assert model(endpoint="http://host/v1/images/generations").endpoint == "http://host/v1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"endpoint": "http://me:secret@host/v1"}, "must not contain user:password"),
        ({"api_key_env": "sk-secret"}, "must be the name of an environment variable"),
        ({"options": {"n": 4}}, "options must not hold 'n', which each request has already"),
        ({"options": {"seed": 1}}, "images of a prompt would be the same"),
        ({"options": {"stream": True}}, "answers must be whole images"),
        ({"options": {str(i): 1 for i in range(65)}}, "at most 64 are sent"),
        ({"at_most": 3}, "at_most needs cost_per_image"),
        ({"at_most": 3, "cost_per_image": 0}, "at_most needs cost_per_image"),
        ({"size": "big"}, "String should match pattern"),
        ({"size": "0x5"}, "String should match pattern"),
    ],
)
def test_settings_are_checked_and_secrets_not_repeated(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as error:
        model(**fields)
    assert "secret" not in str(error.value)


def test_a_budget_is_checked_before_anything_is_paid() -> None:
    limited = model(cost_per_image=0.1, at_most=0.3)
    limited.check_budget(3)  # 0.3 / 0.1 is 2.9999999999999996
    with pytest.raises(DataError, match=r"4 images of painter at 0\.1 each cost 0\.40, but at_most is 0\.30, which"):
        limited.check_budget(4)
    model(cost_per_image=0.1).check_budget(10**9)


def test_what_remains_of_a_budget_is_shared_or_divided() -> None:
    def further(**fields: Any) -> list[tuple[int, int, int]]:
        allowances = model(cost_per_image=1, **fields).allowances([4, 4, 1], "name")
        return [(each.images, each.alone, each.together) for each in allowances if each]

    assert further(at_most=12) == [(4, 1, 3), (4, 1, 3), (1, 1, 3)]
    assert further(at_most=13) == [(4, 2, 4), (4, 1, 4), (1, 1, 4)]
    assert further(at_most=9) == [(4, 0, 0), (4, 0, 0), (1, 0, 0)]
    assert model(cost_per_image=1).allowances([4, 4], "name") == [None, None]


def test_counts_of_steps_are_added() -> None:
    assert join_counts([{"sent": {"cat": 2}}, {"sent": {"cat": 1, "dog": 4}, "blank": {"dog": 1}}]) == {
        "sent": {"cat": 3, "dog": 4},
        "blank": {"dog": 1},
    }
    assert join_counts([{}, {}]) == {}
