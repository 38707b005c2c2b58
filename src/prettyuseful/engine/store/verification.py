"""Verification of artifacts, shared by all kinds of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from prettyuseful.engine.store.base import ArtifactCheck, FileEntry, Manifest
from prettyuseful.errors import CorruptArtifactError, StoreError, StoreUnavailableError
from prettyuseful.redaction import redact_line

_MAX_PROBLEM, _MAX_VALUE = 200, 60
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
def report_unusable_contents(manifest: Manifest, label: str, url: str, location: str = "facts") -> Iterator[None]:
    """Convert errors over the contents of an artifact, which is intact but was not written by prettyuseful.

    Args:
        label: the name of the step in messages.
        location: what is read in the block, such as `facts` of the manifest, or a file.

    Raises:
        CorruptArtifactError: names the artifact, the field and the problem.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        path = f"{url}/manifests/{manifest.key[:2]}/{manifest.key}.json"
        raise CorruptArtifactError(
            f"{label}: the artifact {manifest.key[:12]} in the store {url} holds what prettyuseful cannot have "
            f"written: {_problem_in_words(error, location)}; delete {path} and run again, or use another store"
        ) from error


def _problem_in_words(error: Exception, location: str) -> str:
    """Return a problem such as "facts.top1 = 2: input should be less than or equal to 1"."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(map(str, (location, *first["loc"])))
        value = redact_line(str(first["input"]), _MAX_VALUE)
        shown = f" = {value}" if isinstance(first["input"], str | int | float) else ""
        return redact_line(f"{field}{shown}: {first['msg'][:1].lower()}{first['msg'][1:]}", _MAX_PROBLEM)
    if isinstance(error, KeyError):
        return redact_line(f"{location} has no {error}", _MAX_PROBLEM)
    return redact_line(f"{location}: {type(error).__name__}: {error}", _MAX_PROBLEM)


def verify_manifests(
    manifests: Iterable[tuple[str, Manifest | StoreError | None]], problem_of: Callable[[FileEntry], str | None]
) -> Iterator[ArtifactCheck]:
    """Verify manifests, given with their keys; every file is read once.

    Args:
        manifests: an error in the place of a manifest says why it cannot be read; None: it is not valid.
        problem_of: returns the problem of a file or None; raises StoreError if the file cannot be read.
    """
    problems_by_file: dict[str, str | StoreError | None] = {}
    for key, manifest in manifests:
        if isinstance(manifest, StoreError):
            yield ArtifactCheck(printable(key), "", None, printable(str(manifest)))
            continue
        if manifest is None:
            yield ArtifactCheck(printable(key), "", NOT_VALID)
            continue
        for entry in manifest.files:
            if entry.sha256 not in problems_by_file:
                problems_by_file[entry.sha256] = _problem_or_error(entry, problem_of)
        found = [(entry.name, problem) for entry in manifest.files if (problem := problems_by_file[entry.sha256])]
        problems = [f"file {name} {problem}" for name, problem in found if isinstance(problem, str)]
        errors = [printable(str(problem)) for _, problem in found if isinstance(problem, StoreError)]
        yield ArtifactCheck(
            manifest.key, printable(manifest.step), "; ".join(problems) or None, errors[0] if errors else None
        )


def _problem_or_error(entry: FileEntry, problem_of: Callable[[FileEntry], str | None]) -> str | StoreError | None:
    try:
        return problem_of(entry)
    except StoreUnavailableError:
        raise
    except StoreError as error:
        return error


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
