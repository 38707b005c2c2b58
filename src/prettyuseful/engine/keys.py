"""Content keys and seeds, derived by hashing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """Return the unique JSON text of a value: sorted keys, no spaces, no NaN."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Return the SHA-256 (64 hex digits) of a JSON-serialisable value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def derive_seed(*parts: Any) -> int:
    """Return a 63-bit seed that depends only on the given JSON-serialisable parts."""
    return int.from_bytes(hashlib.sha256(canonical_json(list(parts)).encode()).digest()[:8], "big") >> 1


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def files_fingerprint(root: Path, files: Iterable[Path]) -> str:
    """Return a digest of the relative paths and contents of `files`, independent of their order."""
    return digest(sorted((path.relative_to(root).as_posix(), file_sha256(path)) for path in files))
