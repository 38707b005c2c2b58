"""Verification of artifacts, and records of failed steps, shared by all kinds of stores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry, Manifest
from prettyuseful.errors import CorruptArtifactError
from prettyuseful.untrusted_text import load_json

DIFFERS = "differs from its manifest"
MISSING = "is missing"


def corrupt_artifact_error(entry: FileEntry, manifest: Manifest, problem: str, url: str) -> CorruptArtifactError:
    """Return the error for a file with a problem: `DIFFERS` or `MISSING`."""
    return CorruptArtifactError(
        f"file {entry.name} of artifact {manifest.key[:12]} ({manifest.step}) {problem} "
        f"in the store {url}; run the study again to recreate it"
    )


def verify_manifests(
    manifests: Iterable[tuple[str, Manifest | None]], problem_of: Callable[[FileEntry], str | None]
) -> Iterator[ArtifactCheck]:
    """Verify (key, manifest) pairs; every file is read once. `problem_of` returns the problem of a file or None."""
    problems_by_file: dict[str, str | None] = {}
    for key, manifest in manifests:
        if manifest is None or manifest.key != key:
            yield ArtifactCheck(key, "", "its manifest cannot be read, or belongs to another artifact")
            continue
        for entry in manifest.files:
            if entry.sha256 not in problems_by_file:
                problems_by_file[entry.sha256] = problem_of(entry)
        problems = [f"file {e.name} {problems_by_file[e.sha256]}" for e in manifest.files if problems_by_file[e.sha256]]
        yield ArtifactCheck(manifest.key, manifest.step, "; ".join(problems) or None)


def failure_to_json(cause: str) -> str:
    """Return the record of a failed step."""
    return json.dumps({"cause": cause, "host": os.uname().nodename})


def failure_from_json(text: str | bytes) -> str:
    """Return the cause in the record of a failed step.

    Raises:
        ValueError: the record is incomplete.
    """
    try:
        return str(load_json(text)["cause"])
    except (KeyError, TypeError) as error:
        raise ValueError("the record has no cause") from error
