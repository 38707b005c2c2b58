"""Encoded prompts in safetensors files. A tensor is named `<number of the prompt>/<argument of the pipeline>`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

Embedding = Mapping[str, torch.Tensor]
"""Arguments of a pipeline call by name; tensors of shape (1, ...)."""

NEGATIVE = "negative"
FILE = "embeddings.safetensors"


def save_embeddings(prompts: Mapping[int, Embedding], negative: Embedding, folder: Path) -> None:
    """Write the embeddings of numbered prompts and of the negative prompt (an empty mapping without guidance)."""
    named = {f"{number}/{name}": t for number, e in prompts.items() for name, t in e.items()}
    named |= {f"{NEGATIVE}/{name}": tensor for name, tensor in negative.items()}
    save_file({name: tensor.contiguous().cpu() for name, tensor in named.items()}, folder / FILE)


class StoredEmbeddings:
    """Reads the embeddings of several files, one prompt at a time."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self._locations: dict[str, tuple[Path, list[str]]] = {}
        for path in self._files:
            with safe_open(path, "pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 (not a mapping)
                    self._locations.setdefault(key.split("/")[0], (path, []))
                    stored_in, names = self._locations[key.split("/")[0]]
                    if stored_in == path:
                        names.append(key)

    def load(self, number: int) -> dict[str, torch.Tensor]:
        """Return the arguments for a prompt and for the negative prompt; tensors of shape (1, ...) on the CPU."""
        embeddings: dict[str, torch.Tensor] = {}
        for owner in (str(number), NEGATIVE):
            path, keys = self._locations.get(owner, (None, []))
            if path is not None:
                with safe_open(path, "pt") as tensors:
                    embeddings |= {key.split("/", 1)[1]: tensors.get_tensor(key) for key in keys}
        return embeddings
