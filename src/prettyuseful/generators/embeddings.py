"""Encoded prompts on disk: safetensors files; a tensor is named by the number of its prompt and its argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

Embedding = Mapping[str, torch.Tensor]
"""Arguments of a pipeline's call by name, each (1, ...)."""

NEGATIVE = "negative"
FILE = "embeddings.safetensors"


def save_embeddings(prompts: Mapping[int, Embedding], negative: Embedding, folder: Path) -> None:
    """Writes the embeddings of numbered prompts and of the one negative prompt (empty without guidance)."""
    named = {f"{number}/{name}": t for number, e in prompts.items() for name, t in e.items()}
    named |= {f"{NEGATIVE}/{name}": tensor for name, tensor in negative.items()}
    save_file({name: tensor.contiguous().cpu() for name, tensor in named.items()}, folder / FILE)


class StoredEmbeddings:
    """The embeddings of several files, read one prompt at a time."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self._place: dict[str, tuple[Path, list[str]]] = {}
        for path in self._files:
            with safe_open(path, "pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 (not a mapping)
                    self._place.setdefault(key.split("/")[0], (path, []))
                    held, names = self._place[key.split("/")[0]]
                    if held == path:
                        names.append(key)

    def of(self, number: int) -> dict[str, torch.Tensor]:
        """The arguments for a prompt, those of the negative prompt among them; each (1, ...), on the CPU."""
        found: dict[str, torch.Tensor] = {}
        for owner in (str(number), NEGATIVE):
            path, keys = self._place.get(owner, (None, []))
            if path is not None:
                with safe_open(path, "pt") as tensors:
                    found |= {key.split("/", 1)[1]: tensors.get_tensor(key) for key in keys}
        return found
