from __future__ import annotations

import json

import pytest
from tests.engine.store.places import KEY, manifest

from prettyuseful.engine.store.base import Checked, FileEntry
from prettyuseful.engine.store.faults import DIFFERS, MISSING, broken, checked_against, failure_cause, failure_text

A, B, C = (FileEntry(name=name, size=1, sha256=name * 64) for name in "abc")
OTHER = "cd" * 32


def test_a_broken_file_is_named_with_its_artifact_and_store() -> None:
    assert str(broken(A, manifest((A,)), MISSING, "s3://bucket")) == (
        f"file a of artifact {KEY[:12]} (load) is missing in the store s3://bucket; run the study again to make it anew"
    )


def test_every_file_is_read_once_and_every_problem_is_told() -> None:
    asked = []

    def problem_of(entry: FileEntry) -> str | None:
        asked.append(entry.name)
        return {"a": DIFFERS, "b": MISSING}.get(entry.name)

    manifests = [(KEY, manifest((A, B, C))), (OTHER, manifest((C, B), key=OTHER))]
    assert list(checked_against(manifests, problem_of)) == [
        Checked(KEY, "load", "file a differs from its manifest; file b is missing"),
        Checked(OTHER, "load", "file b is missing"),
    ]
    assert asked == ["a", "b", "c"]
    assert list(checked_against([(KEY, manifest((C,)))], problem_of)) == [Checked(KEY, "load", None)]


def test_a_manifest_that_is_torn_or_anothers_is_told_and_its_files_are_not_read() -> None:
    def never(entry: FileEntry) -> str | None:
        raise AssertionError(entry)

    found = list(checked_against([(KEY, None), (OTHER, manifest((A,)))], never))
    assert found == [Checked(key, "", "its manifest cannot be read, or is another's") for key in (KEY, OTHER)]


def test_a_cause_is_read_as_it_was_written() -> None:
    assert failure_cause(failure_text('no "luck" at ä')) == 'no "luck" at ä'
    assert failure_cause(failure_text("x").encode()) == "x"
    assert json.loads(failure_text("x"))["host"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "1", '"cause"'])
def test_a_cause_that_is_not_whole_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the JSON reader's own, or ours)
        failure_cause(text)
