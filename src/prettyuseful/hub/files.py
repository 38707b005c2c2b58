"""Which files of a model's folder make it what it is: one list for generators, encoders, captioners and transforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prettyuseful.engine.keys import files_fingerprint
from prettyuseful.engine.pinned import Pinned
from prettyuseful.hub.commits import resolve

_SUFFIXES = frozenset({".json", ".txt", ".safetensors", ".bin", ".model", ".jinja"})
"""Weights, configurations, vocabularies, tokenizer models and chat templates."""


def model_files(folder: Path) -> Iterator[Path]:
    """The files of a transformers or diffusers model that can change what it computes, those of its parts among them.

    Hidden files and folders, such as `.git` and `.cache`, do not count, nor do notes and pictures.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and not hidden and path.is_file():
            yield path


def folder_fingerprint(folder: Path) -> str:
    """Changes with every file that may change what the model computes, and not with the folder's place."""
    return files_fingerprint(folder, model_files(folder))


def pin_model_source(name: str) -> Pinned[str]:
    """A model's folder by the content of its files, or a hub id (`owner/name`, `owner/name@revision`) by its commit.

    The source of a hub id names the commit, so that exactly this one is loaded; `content` is a dictionary.

    Raises:
        DataError: the hub has no such repository, or no such revision.
    """
    folder = Path(name)
    if folder.is_dir():
        return Pinned(source=name, content={"files": folder_fingerprint(folder)})
    commit = resolve(name)
    return Pinned(source=commit.id, content=commit.content)
