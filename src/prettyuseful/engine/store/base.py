"""The interface of stores: content-addressed files, and manifests that commit them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.errors import CorruptArtifactError
from prettyuseful.untrusted_text import MAX_JSON_BYTES

MANIFEST_VERSION = 2
"""Manifests of version 1 have no checksum; they are still read."""
GRACE_SECONDS = 24 * 3600.0
"""Seconds before a file without a manifest may be deleted; another process may be about to commit it."""

MAX_MANIFEST_BYTES = MAX_JSON_BYTES
"""A longer file is no manifest."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGE_NUMBER = re.compile(rb"[eE]\+?\d{3,}[\s,\]}]")  # 1e400 is read as infinity
_CHECKSUM_LINE = b',\n "checksum": "'


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 in 64 hexadecimal digits, as keys and the names of files are."""
    return _DIGEST.fullmatch(text) is not None


def _check_file_name(name: str) -> str:
    """Check that a name is one plain component of a path, on every system."""
    if name in ("", ".", "..") or len(name.encode()) > 255 or not name.isprintable() or set(name) & set("/\\:"):
        raise ValueError("not a plain file name")
    return name


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FileEntry(BaseModel):
    """A file of an artifact: its name without folders, its size in bytes and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, AfterValidator(_check_file_name)]
    size: int = Field(ge=0, lt=1 << 63, strict=True)
    sha256: Digest

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
    key: Digest
    step: str
    version: int
    spec: dict[str, Any]
    inputs: dict[str, Digest]
    files: tuple[FileEntry, ...]
    facts: dict[str, Any]
    environment: dict[str, Any]
    created: str
    seconds: Number
    units: Number
    rate_class: str

    @classmethod
    def parse(cls, text: bytes, key: str | None = None) -> Self | None:
        """Parse a manifest, which may come from anybody.

        Returns:
            None if it is not the one of `key`, if a key is given, or if it is not valid: a file name with folders, a
            digest that is none, a number that is not finite, a key that does not belong to step, spec and inputs, or a
            checksum that does not belong to the text.
        """
        body, mark, end = text.rpartition(_CHECKSUM_LINE)
        try:
            manifest = cls.model_validate_json(body + b"\n}" if mark else text)
            names = {entry.name for entry in manifest.files}
            if len(names) != len(manifest.files) or manifest.key != manifest._key() or key not in (None, manifest.key):
                return None
            # Those of the spec are finite, else it had no key.
            if b"NaN" in text or b"Infinity" in text or _LARGE_NUMBER.search(text, max(0, text.find(b'"facts"'))):
                digest([manifest.facts, manifest.environment])  # ValueError for NaN and infinities
        except ValueError:
            return None
        if manifest.schema_version == 1 and not mark:
            return manifest
        is_whole = end == f'{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()
        return manifest if manifest.schema_version == MANIFEST_VERSION and is_whole else None

    def as_text(self) -> str:
        """Return the JSON text; its last line is the SHA-256 of what precedes it."""
        body = self.model_dump_json(indent=1).removesuffix("\n}")
        return f'{body}{_CHECKSUM_LINE.decode()}{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'

    def file(self, name: str) -> FileEntry:
        for entry in self.files:
            if entry.name == name:
                return entry
        raise CorruptArtifactError(f"artifact {self.key[:12]} ({self.step}) has no file {name!r}")

    def _key(self) -> str:
        return digest([self.step, self.version, self.spec, self.inputs])


@dataclass(frozen=True)
class ArtifactCheck:
    """The result of comparing an artifact with its manifest. `step` is empty if the manifest cannot be read.

    `problem`: what is damaged. `unreadable`: which file cannot be read, and why; nothing is known about its content.
    """

    key: str
    step: str
    problem: str | None
    unreadable: str | None = None


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
    """A store of artifacts. `read` never returns an artifact whose manifest or file sizes are wrong.

    A store may come from anybody: no method reads, writes or removes anything outside it. Any method may raise
    StoreError: something in the store cannot be read or written, for lack of a permission or because of a fault. That
    is never taken for a missing or broken artifact.
    """

    @property
    def url(self) -> str:
        """The path or URL with which `open_store` opens the same store, also in another process."""

    @property
    def shares_checkpoints(self) -> bool:
        """Whether the folders of checkpoints of all steps are in one folder that every process of the store uses."""

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

    def scratch(self, key: str) -> AbstractContextManager[Path]:
        """Create an empty folder for the unfinished files of a step, and delete it afterwards.

        What a killed process left is deleted when a store is opened for writing on the same machine, or by `sweep`.
        """

    def checkpoint_dir(self, key: str) -> Path:
        """Return the folder for checkpoints of a step. The step creates it; it may be deleted safely, and is deleted
        when the key is committed."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Claim `key`; yield False if another process holds it and shows signs of life.

        Claims only avoid double work. Where they are not possible, every claim succeeds.
        """

    def claimed_keys(self) -> set[str]:
        """Return the keys that any process has claimed and shows signs of life for."""

    def record_failure(self, key: str, cause: str) -> None:
        """Record why a step failed. The record is deleted when the artifact is committed."""

    def failures(self) -> dict[str, str]:
        """Return the causes of failed steps by key, without those that have succeeded since."""

    def broken(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return, of these keys, those that were committed but cannot be read any more, with what is wrong."""

    def check(self) -> Iterator[ArtifactCheck]:
        """Verify every manifest and the bytes of all its files. Nothing is changed."""

    def discard(self, keys: Collection[str]) -> None:
        """Delete the manifests of artifacts, valid or not, so that they are missing. Their files stay until a sweep."""

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        """Count, and with `remove` delete, all artifacts except `keep`, and the files that no artifact needs.

        Claimed artifacts and files younger than a day are kept. Nothing is deleted before what refers to it.
        """

    def swept(self) -> Mapping[str, str]:
        """Return the keys of artifacts that sweeps have deleted, with the time of the last one (ISO 8601, UTC)."""
