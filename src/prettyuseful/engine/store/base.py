"""What a store is: content-addressed files, and manifests that commit them. Object storage fits the same calls."""

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
GRACE = 24 * 3600.0
"""Seconds that a file without a manifest is left alone: another process may be between writing and committing it."""


class FileEntry(BaseModel):
    """A file of an artifact: its name there, its size in bytes and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    size: int = Field(ge=0)
    sha256: str

    @classmethod
    def of(cls, name: str, source: Path) -> Self:
        return cls(name=name, size=source.stat().st_size, sha256=file_sha256(source))


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

    @classmethod
    def of(cls, text: bytes) -> Self | None:
        """None for what is no manifest, or one of another version."""
        try:
            found = cls.model_validate_json(text)
        except ValidationError:
            return None
        return found if found.schema_version == MANIFEST_VERSION else None

    def as_text(self) -> str:
        return self.model_dump_json(indent=1) + "\n"

    def file(self, name: str) -> FileEntry:
        for entry in self.files:
            if entry.name == name:
                return entry
        raise CorruptArtifactError(f"artifact {self.key[:12]} ({self.step}) has no file {name!r}")


@dataclass(frozen=True)
class Checked:
    """An artifact whose bytes were compared with its manifest. `step` is empty if the manifest cannot be read."""

    key: str
    step: str
    problem: str | None


@dataclass(frozen=True)
class Swept:
    """What nobody refers to: artifacts, and files with their bytes."""

    artifacts: int
    files: int
    bytes: int


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
    """`read` never returns an artifact whose manifest or file sizes are wrong."""

    @property
    def url(self) -> str:
        """A path or URL: `open_store` opens the same store by it, in another process too."""

    def read(self, key: str) -> Artifact | None:
        """The artifact, or None if it is not there or not whole (then it will be made again)."""

    def present(self, keys: Collection[str]) -> set[str]:
        """Those of the keys that `read` finds: many at once may be asked for faster than one by one."""

    def put_file(self, name: str, source: Path) -> FileEntry:
        """Keeps the bytes of `source`, durably. An artifact cannot be read until its manifest is committed."""

    def list(self) -> Iterator[Manifest]:
        """Every committed manifest, in no particular order."""

    def commit(self, manifest: Manifest) -> Artifact:
        """Publishes the manifest at once. The first commit of a key wins: the winner's artifact is returned."""

    def checkpoint_dir(self, key: str) -> Path:
        """Where a step may keep what lets it go on after an interruption. Not there until the step makes it; it may
        be deleted safely, and goes when the key is committed."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """True while nobody else works on `key`. A claim only saves double work; correctness never rests on it."""

    def claimed(self) -> set[str]:
        """The keys that somebody works on."""

    def record_failure(self, key: str, cause: str) -> None:
        """Keeps why a step failed, until its artifact is committed."""

    def failures(self) -> dict[str, str]:
        """Causes of the steps that failed and have not been made since, by key."""

    def check(self) -> Iterator[Checked]:
        """Reads every manifest and every file that it promises. Changes nothing."""

    def sweep(self, keep: Set[str], remove: bool) -> Swept:
        """Counts, and removes if told so, the artifacts but for `keep`, and files that then belong to none.

        Files younger than a day and what is claimed stay.
        """
