"""Initial weights of a training, random or pretrained, and the selection of trainable parameters."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.error import URLError

import torch
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from prettyuseful.engine.keys import derive_seed, file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.ids import WEIGHTS, is_hub_id
from prettyuseful.paths import exists
from prettyuseful.redaction import redact_line
from prettyuseful.training.architectures import check_architecture, check_input_size
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.recipes import Trains


@dataclass(frozen=True)
class Pretrained:
    """Initial weights from a file, or timm's pretrained weights for the architecture.

    The last layer always starts with random weights, because the classes differ. A tag of the architecture selects
    timm's weights, as in `resnet50.a1_in1k`; without a tag, they are the default of this timm version.

    `file`: safetensors file with the parameter names of the architecture. `hub`: repository (`owner/name@commit`) to
    download timm's weights from; None uses timm's default.
    """

    file: Path | None = None
    hub: str | None = None

    @classmethod
    def from_source(cls, source: str | None) -> Pretrained:
        """Return the weights at a file path or hub id; None gives timm's weights."""
        if source is None:
            return cls()
        return cls(hub=source) if is_hub_weights(source) else cls(Path(source))

    def identity(self, architecture: str) -> dict[str, str]:
        """Return what identifies the weights in a key: the digest of the file, or the id of timm's weights.

        Raises:
            DataError: the file cannot be read, or timm has no such weights.
        """
        if self.file is None:
            return {"id": _pretrained_id(architecture)}
        with _catch_read_errors(self.file):
            return {"sha256": file_sha256(self.file)}

    def read(self, architecture: str) -> Mapping[str, torch.Tensor]:
        """Return the state dict.

        Raises:
            DataError: the weights cannot be read or downloaded.
        """
        if self.file is not None:
            with _catch_read_errors(self.file):
                return load_file(self.file)
        import timm  # it takes a second, which our own architectures do not need

        name = _pretrained_id(architecture)
        options: dict[str, object] = {}
        if self.hub:  # timm may need custom code to read the files
            custom = timm.get_pretrained_cfg(name).custom_load
            options["pretrained_cfg_overlay"] = {"hf_hub_id": self.hub, "custom_load": custom}
        with _catch_download_errors(name):
            model = timm.create_model(name, pretrained=True, **options)
            return cast("nn.Module", model).state_dict()


def is_hub_weights(source: str) -> bool:
    """Return whether `source` is a hub id, not a file."""
    return is_hub_id(source) and not source.endswith(WEIGHTS) and not exists(source)


def pin_weights(architecture: str, source: str | None) -> Pinned[str | None]:
    """Pin pretrained weights to the content of their file, or to a commit of their repository on the hub.

    Args:
        architecture: name of the architecture.
        source: a file, a hub id, or None for timm's weights. Some of timm's weights are not on the hub; they are
            identified by their name only.

    Raises:
        UnknownNameError: no architecture has this name.
        DataError: the weights do not exist.
    """
    pretrained = Pretrained.from_source(source)
    if pretrained.file is not None:
        return Pinned(source=source, content={**pretrained.identity(architecture)})
    import timm

    identity = {} if pretrained.hub else pretrained.identity(architecture)
    repository = pretrained.hub or timm.get_pretrained_cfg(identity["id"]).hf_hub_id
    if repository is None:
        return Pinned(source=None, content={**identity})
    commit = resolve(repository)
    return Pinned(source=commit.id, content={**identity, **commit.content})


def init_classifier(design: Design, seed: int, pretrained: Pretrained | None = None) -> Classifier:
    """Return a classifier with initial weights, on the CPU.

    Random weights depend on the seed only, so the last layer is the same with and without pretrained weights. With
    pretrained weights, the input is normalised with timm's mean and standard deviation for them.

    Args:
        design: architecture, number of classes and image size.
        seed: training seed.
        pretrained: initial weights of all layers but the last; None for random weights.

    Raises:
        UnknownNameError: no architecture has this name.
        DataError: the weights do not exist, or belong to another architecture.
    """
    weights = pretrained.read(design.architecture) if pretrained else None
    torch.manual_seed(derive_seed("training", seed, "weights"))
    network = design.build()
    check_input_size(network, design.architecture, design.size)
    if pretrained is not None and weights is not None:
        import timm

        _copy_body_weights(
            network, weights, design.architecture, str(pretrained.file or _pretrained_id(design.architecture))
        )
        if (config := timm.get_pretrained_cfg(design.architecture, allow_unregistered=True)) is not None:
            design = replace(design, mean=tuple(config.mean), std=tuple(config.std))
    return Classifier(design, network)


def trainable(model: nn.Module, trains: Trains) -> list[nn.Parameter]:
    """Return the parameters to train, and disable the gradients of all others."""
    learning = (
        [*model.parameters()] if trains == "all" else [p for part in head_layers(model) for p in part.parameters()]
    )
    model.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    return learning


def training_mode(model: nn.Module, trains: Trains) -> nn.Module:
    """Set training mode. If only the head is trained, the other layers stay in evaluation mode.

    Their batch norm statistics and dropout are then inactive, so a linear probe uses fixed features.
    """
    model.train(trains == "all")
    if trains == "head":
        for part in head_layers(model):
            part.train()
    return model


def recompute_activations(model: nn.Module, architecture: str) -> None:
    """Let a network compute activations again in the backward pass, instead of keeping them.

    Raises:
        DataError: the network does not support it.
    """
    try:
        model.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError, NotImplementedError) as error:
        raise DataError(
            f"{architecture} cannot compute activations again; remove numerics.recompute, or set images_at_once"
        ) from error


def head_layers(model: nn.Module) -> tuple[nn.Module, ...]:
    """Return the last linear layer, or both of them for a distilled model."""
    head = model.get_classifier() if hasattr(model, "get_classifier") else model.head  # type: ignore[operator]
    return head if isinstance(head, tuple) else (cast("nn.Module", head),)


def _copy_body_weights(
    model: nn.Module, pretrained: Mapping[str, torch.Tensor], architecture: str, source: str
) -> None:
    """Copy all weights except those of the head. Names and shapes must match exactly."""
    parts = head_layers(model)
    heads = tuple(f"{name}." for name, module in model.named_modules() if any(module is part for part in parts))

    def body_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value for name, value in weights.items() if not name.startswith(heads)}

    body, wanted = body_weights(pretrained), body_weights(model.state_dict())
    for name in sorted(body.keys() | wanted.keys()):
        actual, expected = (tuple(w[name].shape) if name in w else "none" for w in (body, wanted))
        if actual != expected:
            raise DataError(
                f"the weights {source} do not fit {architecture}: shape of {name!r}: {actual}, expected: {expected}; "
                "choose the architecture that they were saved from"
            )
    model.load_state_dict(body, strict=False)


def _pretrained_id(architecture: str) -> str:
    """Return timm's full id of pretrained weights, such as `resnet50.a1_in1k`."""
    check_architecture(architecture)
    if "." in architecture:
        return architecture
    import timm

    if not timm.list_pretrained(f"{architecture}.*"):
        raise DataError(
            f"timm has no pretrained weights for {architecture!r}; train from scratch, or give a file of weights"
        )
    return f"{architecture}.{timm.get_pretrained_cfg(architecture).tag}"


@contextmanager
def _catch_read_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the path") from error
    except SafetensorError as error:
        raise DataError(
            f"the weights {file} are not a complete safetensors file ({error}); "
            "save the state dict of the model with safetensors.torch.save_file"
        ) from error


@contextmanager
def _catch_download_errors(name: str) -> Iterator[None]:
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)  # suppress a warning for every download attempt
    try:
        yield
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        unreachable = isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, URLError))
        reason = "they are not on this machine and cannot be downloaded" if unreachable else redact_line(str(error))
        raise DataError(
            f"cannot load the pretrained weights {name}: {reason[:200]}; with a network connection, run "
            f"`python -c \"import timm; timm.create_model('{name}', pretrained=True)\"` once, or give a file of weights"
        ) from error
    finally:
        logger.setLevel(before)
