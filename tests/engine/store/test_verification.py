from __future__ import annotations

from tests.engine.store.locations import KEY, key_of, manifest

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry
from prettyuseful.engine.store.verification import (
    DIFFERS,
    MISSING,
    NOT_VALID,
    corrupt_artifact_error,
    verify_manifests,
)

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

    manifests = [(KEY, None), (OTHER, "its manifest is on a disk that is away"), ("\x1b[2J.json", None)]
    assert list(verify_manifests(manifests, fail)) == [
        ArtifactCheck(KEY, "", NOT_VALID),
        ArtifactCheck(OTHER, "", "its manifest is on a disk that is away"),
        ArtifactCheck("?[2J.json", "", NOT_VALID),
    ]
