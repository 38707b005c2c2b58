"""Networks of a pipeline without weights: made from their configurations, they use no memory and cannot be run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import diffusers
import torch
import transformers
from accelerate import init_empty_weights


class StubUsedError(Exception):
    """A pipeline has run a network that is not in memory."""


_RUN = ("forward", "encode", "decode", "generate", "get_text_features", "get_image_features")


def network_classes(index: Mapping[str, Any]) -> dict[str, type]:
    """Return the classes of the networks in a model_index.json, by component.

    Only classes of diffusers and transformers are looked up: code of a repository never runs.
    """
    classes: dict[str, type] = {}
    for name, entry in index.items():
        if name.startswith("_") or not isinstance(entry, list | tuple) or len(entry) != 2 or None in entry:
            continue
        found = _find_class(*map(str, entry))
        if found is not None and issubclass(found, diffusers.ModelMixin | transformers.PreTrainedModel):
            classes[name] = found
    return classes


def text_networks(classes: Mapping[str, type]) -> list[str]:
    """Return the names of the networks that read texts: those of transformers."""
    return [name for name, found in classes.items() if issubclass(found, transformers.PreTrainedModel)]


def image_networks(classes: Mapping[str, type]) -> list[str]:
    """Return the names of the networks that make images: those of diffusers."""
    return [name for name in classes if name not in text_networks(classes)]


def make_stubs(
    path_or_id: str, revision: str | None, classes: Mapping[str, type], names: Iterable[str], dtype: torch.dtype
) -> dict[str, Any]:
    """Return components without weights, which raise `StubUsedError` if they are run."""
    return {name: _make_stub(path_or_id, revision, name, classes[name], dtype) for name in names}


def is_stub(module: torch.nn.Module) -> bool:
    """Return whether a network has no weights."""
    return any(tensor.is_meta for tensor in module.parameters())


def _make_stub(path_or_id: str, revision: str | None, name: str, made: Any, dtype: torch.dtype) -> Any:
    with init_empty_weights():
        if issubclass(made, transformers.PreTrainedModel):
            config = made.config_class.from_pretrained(path_or_id, subfolder=name, revision=revision)
            # PRX stores the configuration of the whole model beside the weights of its encoder.
            network = made(config.encoder if made.__name__ == "T5GemmaEncoder" else config)
        else:
            network = made.from_config(made.load_config(path_or_id, subfolder=name, revision=revision))
    network = network.to(dtype).eval()

    def run(*_: Any, **__: Any) -> Any:
        raise StubUsedError(name)

    for method in _RUN:
        if hasattr(network, method):
            vars(network)[method] = run
    return network


def _find_class(library: str, class_name: str) -> type | None:
    for module in (library, f"diffusers.pipelines.{library}"):
        owner: Any = {"diffusers": diffusers, "transformers": transformers}.get(module)
        if owner is None and module.startswith("diffusers."):
            owner = diffusers.pipelines
            with contextlib.suppress(AttributeError):
                owner = getattr(owner, library)
        found = getattr(owner, class_name, None)
        if isinstance(found, type):
            return found
    return None
