"""Variants of the weight files of a pipeline, such as fp16 in `diffusion_pytorch_model.fp16.safetensors`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prettyuseful.errors import DataError

DEFAULT = "default"
"""The files whose names have no variant."""
FALLBACKS = (DEFAULT, "fp16", "bf16")
"""What is loaded, in this order, from a model that lacks the preferred variant."""
VARIANT = r"[A-Za-z0-9_]{1,32}"
_WEIGHTS = re.compile(
    rf"(?:^|/)(?:model|pytorch_model|diffusion_pytorch_model)(?:\.(?P<before>{VARIANT}))?"
    rf"(?:-\d+-of-\d+)?(?:\.(?P<after>{VARIANT}))?\.(?:safetensors|bin)$"
)


@dataclass(frozen=True)
class ChosenVariant:
    """The variant to load. `exact`: a study asks for it, so no other one replaces it."""

    name: str
    exact: bool = False

    @property
    def argument(self) -> str | None:
        """The argument for `from_pretrained`."""
        return None if self.name == DEFAULT else self.name

    def loaded_from(self, available: Sequence[str]) -> str:
        """Return the variant that is loaded from a model with these variants; if they are unknown, the chosen one."""
        if self.exact or not available or self.name in available:
            return self.name
        return next((name for name in FALLBACKS if name in available), self.name)


NO_VARIANT = ChosenVariant(DEFAULT)


def variants_of(files: Iterable[str]) -> tuple[str, ...]:
    """Return the variants of the weights among the files of a pipeline, sorted, the default one first."""
    found = {match["before"] or match["after"] or DEFAULT for match in map(_WEIGHTS.search, files) if match}
    return tuple(sorted(found, key=lambda name: (name != DEFAULT, name)))


def check_variant(model: str, variant: str, available: Sequence[str]) -> None:
    """Raise DataError if the weights of a model have another variant only; `available` is empty if unknown."""
    if available and variant not in available:
        raise DataError(f"{model!r} has no weights of the variant {variant!r}; available: {', '.join(available)}")


def weights_of_variant(files: Iterable[str], variant: str) -> list[str]:
    """Return the weight files of a variant among those of one component, or of another one if it has no such.

    Safetensors files are preferred to pickles.
    """
    found = {file: match["before"] or match["after"] or DEFAULT for file in files if (match := _WEIGHTS.search(file))}
    available = tuple(dict.fromkeys(found.values()))
    chosen = ChosenVariant(variant).loaded_from(available)
    names = [file for file, name in found.items() if name == chosen]
    return [file for file in names if file.endswith(".safetensors")] or names
