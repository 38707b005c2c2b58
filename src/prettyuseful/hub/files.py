"""Which files of a model's folder make it what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = (".json", ".txt", ".safetensors", ".bin", ".model", ".jinja")
"""Weights, configurations, vocabularies, tokenizer models and chat templates."""


def model_files(folder: Path) -> Iterator[Path]:
    """The files of a transformers or diffusers model that can change what it computes, those of its parts among them.

    Hidden files and folders, such as `.git` and `.cache`, do not count, nor do notes and pictures.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and not hidden and path.is_file():
            yield path
