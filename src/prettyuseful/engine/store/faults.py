"""What every kind of store says of what is wrong in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator

from prettyuseful.engine.store.base import Checked, FileEntry, Manifest
from prettyuseful.errors import CorruptArtifactError

DIFFERS = "differs from its manifest"
MISSING = "is missing"


def broken(entry: FileEntry, manifest: Manifest, what: str, url: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"file {entry.name} of artifact {manifest.key[:12]} ({manifest.step}) {what} "
        f"in the store {url}; run the study again to make it anew"
    )


def checked_against(
    manifests: Iterable[tuple[str, Manifest | None]], problem_of: Callable[[FileEntry], str | None]
) -> Iterator[Checked]:
    """Every manifest with the problems of its files, each of which is read once. By the key that it is stored under."""
    known: dict[str, str | None] = {}
    for key, manifest in manifests:
        if manifest is None or manifest.key != key:
            yield Checked(key, "", "its manifest cannot be read, or is another's")
            continue
        for entry in manifest.files:
            if entry.sha256 not in known:
                known[entry.sha256] = problem_of(entry)
        problems = [f"file {e.name} {known[e.sha256]}" for e in manifest.files if known[e.sha256]]
        yield Checked(manifest.key, manifest.step, "; ".join(problems) or None)


def failure_text(cause: str) -> str:
    return json.dumps({"cause": cause, "host": os.uname().nodename})


def failure_cause(text: str | bytes) -> str:
    """
    Raises:
        ValueError: the text is not whole.
    """
    try:
        return str(json.loads(text)["cause"])
    except (KeyError, TypeError) as error:
        raise ValueError("no cause") from error
