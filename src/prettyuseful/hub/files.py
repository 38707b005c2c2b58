"""Which files of a model's folder count: one list for generators, encoders, captioners and transforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prettyuseful.engine.keys import files_fingerprint

_WEIGHTS_AND_CONFIGS = frozenset({".json", ".txt", ".model", ".jinja", ".safetensors", ".bin"})


def model_files(folder: Path) -> Iterator[Path]:
    """Weights, configurations, vocabularies and templates, at any depth; nothing below a hidden folder."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _WEIGHTS_AND_CONFIGS and not hidden and path.is_file():
            yield path


def folder_fingerprint(folder: Path) -> str:
    """Changes with every file that may change what the model computes, and not with the folder's place."""
    return files_fingerprint(folder, model_files(folder))
