"""Verification of artifacts, shared by all kinds of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry, Manifest
from prettyuseful.errors import CorruptArtifactError
from prettyuseful.redaction import redact_line

_MAX_PROBLEM = 200
DIFFERS = "differs from its manifest"
MISSING = "is missing"
NOT_VALID = "its manifest is not valid, or belongs to another artifact"


def corrupt_artifact_error(entry: FileEntry, manifest: Manifest, problem: str, url: str) -> CorruptArtifactError:
    """Return the error for a file with a problem: `DIFFERS` or `MISSING`."""
    return CorruptArtifactError(
        f"file {entry.name} of artifact {manifest.key[:12]} ({manifest.step}) {problem} "
        f"in the store {url}; run the study again to recreate it"
    )


def lost_artifact_error(key: str, url: str) -> CorruptArtifactError:
    """Return the error for an artifact that cannot be read directly after its commit."""
    return CorruptArtifactError(f"the store {url} lost the artifact {key[:12]} during the commit; run the study again")


@contextmanager
def report_unusable_contents(what: str, keys: Iterable[str], url: str) -> Iterator[None]:
    """Convert errors over the contents of artifacts, which are intact but were not written by prettyuseful.

    Raises:
        CorruptArtifactError: names the result `what` and the artifacts.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = type(error).__name__ if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise CorruptArtifactError(
            f"{what}: artifacts in the store {url} hold results that prettyuseful cannot have written "
            f"({redact_line(problem, _MAX_PROBLEM)}); delete the manifests {', '.join(key[:12] for key in keys)} "
            "and run again, or use another store"
        ) from error


def verify_manifests(
    manifests: Iterable[tuple[str, Manifest | str | None]], problem_of: Callable[[FileEntry], str | None]
) -> Iterator[ArtifactCheck]:
    """Verify manifests, given with their keys; every file is read once.

    Args:
        manifests: a text in the place of a manifest says why it cannot be read; None: it is not valid.
        problem_of: returns the problem of a file or None.
    """
    problems_by_file: dict[str, str | None] = {}
    for key, manifest in manifests:
        if manifest is None or isinstance(manifest, str):
            yield ArtifactCheck(printable(key), "", manifest or NOT_VALID)
            continue
        for entry in manifest.files:
            if entry.sha256 not in problems_by_file:
                problems_by_file[entry.sha256] = problem_of(entry)
        problems = [f"file {e.name} {problems_by_file[e.sha256]}" for e in manifest.files if problems_by_file[e.sha256]]
        yield ArtifactCheck(manifest.key, printable(manifest.step), "; ".join(problems) or None)


def problem_of_sizes(manifest: Manifest | None, size_of: Callable[[str], int | None]) -> str | None:
    """Return what keeps an artifact from being read: its manifest, or a file that is missing or has another size.

    `size_of` returns the size of a file, given its SHA-256, or None.
    """
    if manifest is None:
        return NOT_VALID
    for entry in manifest.files:
        if (size := size_of(entry.sha256)) != entry.size:
            return f"file {entry.name} {MISSING if size is None else DIFFERS}"
    return None


def printable(text: str) -> str:
    """Return the text without characters that control a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
