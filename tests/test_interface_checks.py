from __future__ import annotations

from collections.abc import Callable

import pytest

from prettyuseful.errors import DataError
from prettyuseful.interface_checks import BrokenContractError, Finding, findings


def failing(error: BaseException) -> Callable[[], None]:
    def attempt() -> None:
        raise error

    return attempt


def test_what_is_tried_is_told_in_order_up_to_the_first_that_all_else_needs() -> None:
    done: list[str] = []
    attempts = [
        ("first", lambda: done.append("first"), True),
        ("second", failing(BrokenContractError("the images differ")), False),
        ("third", lambda: done.append("third"), False),
        ("fourth", failing(KeyError("cat")), True),
        ("fifth", lambda: done.append("fifth"), False),
    ]
    assert list(findings(attempts)) == [
        Finding("first"),
        Finding("second", "the images differ"),
        Finding("third"),
        Finding("fourth", "it failed with KeyError: 'cat'"),
    ]
    assert done == ["first", "third"]


def test_a_finding_is_told_before_the_next_is_tried() -> None:
    tried = findings([("first", lambda: None, True), ("second", failing(AssertionError("too early")), True)])
    assert next(tried) == Finding("first")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DataError("get the\n weights"), "get the weights"),
        (ValueError("no\n  cat\n"), "it failed with ValueError: no cat"),
        (OSError("401 for http://me:canary-1234@host"), "it failed with OSError: 401 for http://[credentials]@host"),
        (OSError("key canary-5678"), "it failed with OSError: key [CANARY_KEY]"),
    ],
)
def test_an_error_is_one_line_without_secrets(error: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-5678")
    assert list(findings([("it", failing(error), False)])) == [Finding("it", told)]


def test_an_interruption_is_no_finding() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(findings([("it", failing(KeyboardInterrupt()), False)]))
