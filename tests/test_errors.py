from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful import errors
from prettyuseful.errors import (
    EveryRunFailedError,
    PrettyUsefulError,
    StepFailedError,
    StoreAwayError,
    StoreError,
    UserError,
    did_you_mean,
    one_line,
)

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def test_users_mistakes_are_known_from_failures() -> None:
    """Exit code 2 or 1, and whether a run goes on, rest on this."""
    assert {kind.__name__ for kind in ALL if not issubclass(kind, UserError)} == {
        "PrettyUsefulError", "CorruptArtifactError", "StepFailedError", "EveryRunFailedError",
    }  # fmt: skip
    assert all(issubclass(kind, PrettyUsefulError) for kind in ALL)
    assert issubclass(StoreAwayError, StoreError)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not EveryRunFailedError])
def test_an_error_comes_out_of_a_worker_as_it_was(kind: type[Exception]) -> None:
    found = pickle.loads(pickle.dumps(kind("no luck")))
    assert type(found) is kind
    assert str(found) == "no luck"


def test_where_every_run_fails_the_result_is_kept() -> None:
    error = EveryRunFailedError("every run failed", {"report": "x"})
    assert (str(error), error.result) == ("every run failed", {"report": "x"})
    assert isinstance(error, StepFailedError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("encodrs", "; did you mean 'encoders'?"),
        ("metric", "; did you mean 'metrics'?"),
        ("something else", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_offered_if_one_is_near(name: str, hint: str) -> None:
    assert did_you_mean(name, iter(("encoders", "metrics", "tasks"))) == hint
    assert did_you_mean(name, ()) == ""


def test_lines_and_blanks_become_one_line() -> None:
    assert one_line("  no\n\n weights\tat \x1b[31mall\ud800 ") == "no weights at [31mall"


@given(st.text())
def test_whatever_the_text_one_line_can_be_printed_and_encoded(text: str) -> None:
    line = one_line(text)
    assert line == line.strip()
    assert line.isprintable()
    line.encode()
