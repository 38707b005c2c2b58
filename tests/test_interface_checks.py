from __future__ import annotations

from collections.abc import Callable

import pytest

from prettyuseful.errors import DataError
from prettyuseful.interface_checks import CheckResult, InterfaceError, run_checks


def failing(error: BaseException) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


class SpeechlessError(BaseException):
    def __str__(self) -> str:
        raise ValueError("no words")


def test_checks_run_in_order_up_to_a_failed_required_check() -> None:
    done: list[str] = []
    checks = [
        ("first", lambda: done.append("first"), True),
        ("second", failing(InterfaceError("the images differ")), False),
        ("third", lambda: done.append("third"), False),
        ("fourth", failing(KeyError("cat")), True),
        ("fifth", lambda: done.append("fifth"), False),
    ]
    assert list(run_checks(checks)) == [
        CheckResult("first"),
        CheckResult("second", "the images differ"),
        CheckResult("third"),
        CheckResult("fourth", "it failed with KeyError: 'cat'"),
    ]
    assert done == ["first", "third"]


def test_a_result_is_yielded_before_the_next_check_runs() -> None:
    results = run_checks([("first", lambda: None, True), ("second", failing(AssertionError("too early")), True)])
    assert next(results) == CheckResult("first")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("get the\n weights"), "get the weights"),
        (ValueError("no\n  cat\n"), "it failed with ValueError: no cat"),
        (OSError("401 for http://me:canary-1234@host"), "it failed with OSError: 401 for http://[credentials]@host"),
        (OSError("key canary-5678"), "it failed with OSError: key [CANARY_KEY]"),
        (SystemExit("key canary-5678"), "it failed with SystemExit: key [CANARY_KEY]"),
        (GeneratorExit("odd"), "it failed with GeneratorExit: odd"),
        (SpeechlessError(), "it failed with SpeechlessError: its message cannot be shown (ValueError)"),
    ],
)
def test_an_error_is_one_line_without_secrets(
    error: BaseException, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-5678")
    assert list(run_checks([("it", failing(error), False)])) == [CheckResult("it", message)]


def test_an_interruption_is_not_caught() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(run_checks([("it", failing(KeyboardInterrupt()), False)]))


def test_an_interruption_ends_the_checks() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(run_checks([("it", failing(KeyboardInterrupt()), False)]))
