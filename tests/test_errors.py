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
    StoreError,
    StoreUnavailableError,
    UserError,
    did_you_mean,
    join_names,
    one_line,
)

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def test_user_errors_are_distinct_from_failures() -> None:
    """The exit code, and whether a run continues, depend on this."""
    assert {kind.__name__ for kind in ALL if not issubclass(kind, UserError)} == {
        "PrettyUsefulError", "CorruptArtifactError", "StepFailedError", "MemoryLimitError", "EveryRunFailedError",
    }  # fmt: skip
    assert all(issubclass(kind, PrettyUsefulError) for kind in ALL)
    assert issubclass(StoreUnavailableError, StoreError)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not EveryRunFailedError])
def test_an_error_keeps_type_and_message_when_pickled(kind: type[Exception]) -> None:
    error = pickle.loads(pickle.dumps(kind("no luck")))
    assert type(error) is kind
    assert str(error) == "no luck"


def test_the_error_of_a_study_without_results_keeps_the_incomplete_result() -> None:
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
def test_did_you_mean_suggests_a_near_name_only(name: str, hint: str) -> None:
    assert did_you_mean(name, iter(("encoders", "metrics", "tasks"))) == hint
    assert did_you_mean(name, ()) == ""


def test_one_line_removes_line_breaks_and_escape_codes() -> None:
    assert one_line("  no\n\n weights\tat \x1b[31mall\ud800 ") == "no weights at [31mall"


@given(st.text())
def test_one_line_is_printable_and_encodable_for_any_text(text: str) -> None:
    line = one_line(text)
    assert line == line.strip()
    assert line.isprintable()
    line.encode()


def test_long_lists_of_names_are_shortened() -> None:
    assert join_names(["a", "b"], 3) == "a, b"
    assert join_names(["a", "b", "c", "d", "e"], 2) == "a, b and 3 more"
