"""The interface of stores: content-addressed files, and manifests that commit them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import CorruptArtifactError

MANIFEST_VERSION = 1
GRACE_SECONDS = 24 * 3600.0
"""Seconds before a file without a manifest may be deleted; another process may be about to commit it."""


class FileEntry(BaseModel):
    """A file of an artifact: its name, its size in bytes and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    size: int = Field(ge=0)
    sha256: str

    @classmethod
    def from_file(cls, name: str, source: Path) -> Self:
        """Return the entry for the file `source`."""
        return cls(name=name, size=source.stat().st_size, sha256=file_sha256(source))


class Manifest(BaseModel):
    """The committed description of an artifact.

    Attributes:
        key: digest of `step`, `version`, `spec` and `inputs`. The other fields are not part of the key.
        step: kind of the step.
        inputs: keys of the input artifacts by name.
        files: the files of the artifact.
        facts: small results of the step.
        environment: software versions and machine.
        created: time of the commit (ISO 8601, UTC).
        seconds: wall time of the step.
        units: amount of work, such as images, or images times epochs.
        rate_class: steps of one rate class take the same time per unit.
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

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """Parse a manifest; return None if it is invalid or of another schema version."""
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError:
            return None
        return manifest if manifest.schema_version == MANIFEST_VERSION else None

    def as_text(self) -> str:
        return self.model_dump_json(indent=1) + "\n"

    def file(self, name: str) -> FileEntry:
        for entry in self.files:
            if entry.name == name:
                return entry
        raise CorruptArtifactError(f"artifact {self.key[:12]} ({self.step}) has no file {name!r}")


@dataclass(frozen=True)
class ArtifactCheck:
    """The result of comparing an artifact with its manifest. `step` is empty if the manifest cannot be read."""

    key: str
    step: str
    problem: str | None


@dataclass(frozen=True)
class SweepResult:
    """Numbers of unused artifacts and files, and the bytes of these files."""

    artifacts: int
    files: int
    bytes: int


class Artifact(Protocol):
    """A committed artifact."""

    @property
    def manifest(self) -> Manifest: ...

    def path(self, name: str) -> Path:
        """Return a local path to the file `name`, whose bytes were verified against the manifest.

        Raises:
            CorruptArtifactError: the bytes differ from the manifest, or the file is missing.
        """


class Store(Protocol):
    """A store of artifacts. `read` never returns an artifact whose manifest or file sizes are wrong."""

    @property
    def url(self) -> str:
        """The path or URL with which `open_store` opens the same store, also in another process."""

    def read(self, key: str) -> Artifact | None:
        """Return the artifact, or None if it is missing or incomplete (and must be made again)."""

    def select_existing(self, keys: Collection[str]) -> set[str]:
        """Return the keys whose artifacts are complete. Faster than `read` for each key."""

    def put_file(self, name: str, source: Path) -> FileEntry:
        """Store the bytes of `source` durably. They become readable when the manifest is committed."""

    def list(self) -> Iterator[Manifest]:
        """Yield every committed manifest, in no particular order."""

    def commit(self, manifest: Manifest) -> Artifact:
        """Publish the manifest atomically. The first commit of a key wins; its artifact is returned."""

    def checkpoint_dir(self, key: str) -> Path:
        """Return the folder for checkpoints of a step. The step creates it; it may be deleted safely, and is deleted
        when the key is committed."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Claim `key`; yield False if another process holds it. Claims only avoid double work."""

    def claimed_keys(self) -> set[str]:
        """Return the keys that any process has claimed."""

    def record_failure(self, key: str, cause: str) -> None:
        """Record why a step failed. The record is deleted when the artifact is committed."""

    def failures(self) -> dict[str, str]:
        """Return the causes of failed steps by key, without those that have succeeded since."""

    def check(self) -> Iterator[ArtifactCheck]:
        """Verify every manifest and the bytes of all its files. Nothing is changed."""

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        """Count, and with `remove` delete, all artifacts except `keep`, and the files that no artifact needs.

        Claimed artifacts and files younger than a day are kept.
        """
