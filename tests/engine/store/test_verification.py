from __future__ import annotations

import json

import pytest
from tests.engine.store.locations import KEY, manifest

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry
from prettyuseful.engine.store.verification import (
    DIFFERS,
    MISSING,
    corrupt_artifact_error,
    failure_from_json,
    failure_to_json,
    verify_manifests,
)

A, B, C = (FileEntry(name=name, size=1, sha256=name * 64) for name in "abc")
OTHER = "cd" * 32


def test_error_names_file_artifact_and_store() -> None:
    assert str(corrupt_artifact_error(A, manifest((A,)), MISSING, "s3://bucket")) == (
        f"file a of artifact {KEY[:12]} (load) is missing in the store s3://bucket; run the study again to recreate it"
    )


def test_every_file_is_read_once_and_every_problem_is_reported() -> None:
    read_files = []

    def problem_of(entry: FileEntry) -> str | None:
        read_files.append(entry.name)
        return {"a": DIFFERS, "b": MISSING}.get(entry.name)

    manifests = [(KEY, manifest((A, B, C))), (OTHER, manifest((C, B), key=OTHER))]
    assert list(verify_manifests(manifests, problem_of)) == [
        ArtifactCheck(KEY, "load", "file a differs from its manifest; file b is missing"),
        ArtifactCheck(OTHER, "load", "file b is missing"),
    ]
    assert read_files == ["a", "b", "c"]
    assert list(verify_manifests([(KEY, manifest((C,)))], problem_of)) == [ArtifactCheck(KEY, "load", None)]


def test_files_of_an_invalid_manifest_are_not_read() -> None:
    def fail(entry: FileEntry) -> str | None:
        raise AssertionError(entry)

    checks = list(verify_manifests([(KEY, None), (OTHER, manifest((A,)))], fail))
    assert checks == [
        ArtifactCheck(key, "", "its manifest cannot be read, or belongs to another artifact") for key in (KEY, OTHER)
    ]


def test_failure_record_is_read_as_written() -> None:
    assert failure_from_json(failure_to_json('no "luck" at ä')) == 'no "luck" at ä'
    assert failure_from_json(failure_to_json("x").encode()) == "x"
    assert json.loads(failure_to_json("x"))["host"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "1", '"cause"'])
def test_incomplete_failure_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the JSON reader's own, or ours)
        failure_from_json(text)
