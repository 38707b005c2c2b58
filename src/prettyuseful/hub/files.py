"""Fingerprints of model folders, shared by generators, encoders, captioners and transforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prettyuseful.engine.keys import files_fingerprint
from prettyuseful.engine.pinned import Pinned
from prettyuseful.hub.commits import resolve

_SUFFIXES = frozenset({".json", ".txt", ".safetensors", ".bin", ".model", ".jinja"})
"""Weights, configurations, vocabularies, tokenizer models and chat templates."""


def model_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a transformers or diffusers model that can change its output, including its subfolders.

    Hidden files and folders such as `.git` and `.cache`, documentation and images are skipped.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and not hidden and path.is_file():
            yield path


def folder_fingerprint(folder: Path) -> str:
    """Return a digest of all files that can change the output of the model. It does not depend on the folder's path."""
    return files_fingerprint(folder, model_files(folder))


def pin_model_source(name: str) -> Pinned[str]:
    """Pin a model folder to the content of its files, or a hub id (`owner/name[@revision]`) to its commit.

    For a hub id, the source of the result names the commit, so that exactly this one is loaded. `content` is a
    dictionary.

    Raises:
        DataError: the hub has no such repository or revision.
    """
    folder = Path(name)
    if folder.is_dir():
        return Pinned(source=name, content={"files": folder_fingerprint(folder)})
    commit = resolve(name)
    return Pinned(source=commit.id, content=commit.content)
