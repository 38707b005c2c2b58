from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field
from tests.engine.store.locations import KEY, key_of, manifest

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry
from prettyuseful.engine.store.verification import (
    DIFFERS,
    MISSING,
    NOT_VALID,
    corrupt_artifact_error,
    report_unusable_contents,
    verify_manifests,
)
from prettyuseful.errors import CorruptArtifactError, StoreError, StoreUnavailableError

A, B, C = (FileEntry(name=name, size=1, sha256=name * 64) for name in "abc")
OTHER = key_of("other")


def test_error_names_file_artifact_and_store() -> None:
    assert str(corrupt_artifact_error(A, manifest((A,)), MISSING, "s3://bucket")) == (
        f"file a of artifact {KEY[:12]} (load) is missing in the store s3://bucket; run the study again to recreate it"
    )


def test_every_file_is_read_once_and_every_problem_is_reported() -> None:
    read_files = []

    def problem_of(entry: FileEntry) -> str | None:
        read_files.append(entry.name)
        return {"a": DIFFERS, "b": MISSING}.get(entry.name)

    manifests = [(KEY, manifest((A, B, C))), (OTHER, manifest((C, B), "other"))]
    assert list(verify_manifests(manifests, problem_of)) == [
        ArtifactCheck(KEY, "load", "file a differs from its manifest; file b is missing"),
        ArtifactCheck(OTHER, "load", "file b is missing"),
    ]
    assert read_files == ["a", "b", "c"]
    assert list(verify_manifests([(KEY, manifest((C,)))], problem_of)) == [ArtifactCheck(KEY, "load", None)]


def test_files_of_an_invalid_manifest_are_not_read() -> None:
    def fail(entry: FileEntry) -> str | None:
        raise AssertionError(entry)

    away = StoreError("cannot read it: the disk is away")
    manifests = [(KEY, None), (OTHER, away), ("\x1b[2J.json", None)]
    assert list(verify_manifests(manifests, fail)) == [
        ArtifactCheck(KEY, "", NOT_VALID),
        ArtifactCheck(OTHER, "", None, "cannot read it: the disk is away"),
        ArtifactCheck("?[2J.json", "", NOT_VALID),
    ]


def test_a_file_that_cannot_be_read_is_not_damaged() -> None:
    def problem_of(entry: FileEntry) -> str | None:
        if entry.name == "a":
            raise StoreError("cannot read a: Permission denied")
        return MISSING if entry.name == "b" else None

    manifests = [(KEY, manifest((A, B))), (OTHER, manifest((C,), "other"))]
    assert list(verify_manifests(manifests, problem_of)) == [
        ArtifactCheck(KEY, "load", "file b is missing", "cannot read a: Permission denied"),
        ArtifactCheck(OTHER, "load", None),
    ]


def test_storage_that_does_not_respond_ends_the_verification() -> None:
    def problem_of(entry: FileEntry) -> str | None:
        raise StoreUnavailableError(f"no answer on {entry.name}")

    checks = verify_manifests([(KEY, manifest((A,)))], problem_of)
    with pytest.raises(StoreUnavailableError):
        next(checks)


class _Facts(BaseModel):
    top1: float = Field(le=1)


def _read(facts: Any) -> None:
    if isinstance(facts, dict):
        _Facts(**facts)
    else:
        ({} if facts is None else facts)["top1"]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"top1": 2}, "facts.top1 = 2: input should be less than or equal to 1"),
        ({"top1": "\x1b[2J" * 99}, "facts.top1 = [2J [2J"),
        ({}, "facts.top1: field required"),
        (None, "facts has no 'top1'"),
        (1, "facts: TypeError: 'int' object is not subscriptable"),
    ],
)
def test_contents_that_nobody_can_have_written_are_named_with_artifact_field_and_remedy(
    facts: Any, problem: str
) -> None:
    with pytest.raises(CorruptArtifactError) as raised, report_unusable_contents(manifest(), "test a", "/store"):
        _read(facts)
    message = str(raised.value)
    start = f"test a: the artifact {KEY[:12]} in the store /store holds what prettyuseful cannot have written: "
    assert message.startswith(f"{start}{problem}")
    assert message.endswith(f"; delete /store/manifests/{KEY[:2]}/{KEY}.json and run again, or use another store")
    assert message.isprintable()
    assert len(message) < 600
