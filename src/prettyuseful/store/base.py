"""What a store is: content-addressed files, and manifests that commit them. Object storage fits the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

MANIFEST_VERSION = 1


class FileEntry(BaseModel):
    """A file of an artifact: its name there, its size in bytes and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    size: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """The commit of an artifact: what was made, from what, by what, and which files it left.

    `key` is the digest of `step`, `version`, `spec` and `inputs`; `facts`, `environment`, `created` (ISO 8601, UTC),
    `seconds` (wall time of the step), `units` (its work: images, or images x epochs) and `rate_class` (steps that take
    equal time per unit) describe the making and are not part of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: int = MANIFEST_VERSION
    key: str
    step: str
    version: int
    spec: dict[str, Any]
    inputs: dict[str, str]
    files: tuple[FileEntry, ...]
    facts: dict[str, Any]
    environment: dict[str, Any]
    created: str
    seconds: float
    units: float
    rate_class: str


class Artifact(Protocol):
    """A committed artifact, open for reading."""

    @property
    def manifest(self) -> Manifest: ...

    def path(self, name: str) -> Path:
        """A local path to the file `name`; its bytes have been checked against the manifest.

        Raises:
            CorruptArtifactError: the bytes differ from the manifest, or the file is gone.
        """


class Store(Protocol):
    """Six calls. `read` never returns an artifact whose manifest or file sizes are wrong."""

    def read(self, key: str) -> Artifact | None:
        """The artifact, or None if it is not there or not whole (then it will be made again)."""

    def put_file(self, name: str, source: Path) -> FileEntry:
        """Keeps the bytes of `source`, durably. An artifact cannot be read until its manifest is committed."""

    def list(self) -> Iterator[Manifest]:
        """Every committed manifest, in no particular order."""

    def commit(self, manifest: Manifest) -> Artifact:
        """Publishes the manifest at once. The first commit of a key wins: the winner's artifact is returned."""

    def bench(self, key: str) -> Path:
        """Where a step may keep what lets it go on after an interruption. Not there until the step makes it; nothing
        rests on it, and it goes when the key is committed."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """True while nobody else works on `key`. A claim only saves double work; correctness never rests on it."""
