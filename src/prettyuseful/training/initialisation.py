"""Where a training begins: random or pretrained weights, and which of them go on learning."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.error import URLError

import timm
import torch
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from prettyuseful.engine.keys import derive_seed, file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, one_line
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.ids import WEIGHTS, is_hub_id
from prettyuseful.training.architectures import check, look
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.recipes import Trains


@dataclass(frozen=True)
class Pretrained:
    """Weights that a training begins with: timm's for the architecture, or those in a file.

    `file`: safetensors with the names of the architecture's own state dict. An architecture with a tag, such as
    `resnet50.a1_in1k`, names timm's weights itself; without one they are this timm version's default.
    `hub`: the repository (`owner/name@commit`) that timm's weights are fetched from; without it, timm's choice.
    The last layer always begins with random weights: its classes are another task's.
    """

    file: Path | None = None
    hub: str | None = None

    @classmethod
    def at(cls, place: str | None) -> Pretrained:
        """Of a file or a hub id; timm's own if there is neither."""
        if place is None:
            return cls()
        return cls(hub=place) if is_hub_weights(place) else cls(Path(place))

    def identity(self, architecture: str) -> dict[str, str]:
        """What fixes the first weights besides architecture, classes and seed, for a key: content, not places.

        Raises:
            DataError: the file cannot be read, or timm has no such weights.
        """
        if self.file is None:
            return {"id": _pretrained_id(architecture)}
        with _reading(self.file):
            return {"sha256": file_sha256(self.file)}

    def read(self, architecture: str) -> Mapping[str, torch.Tensor]:
        """The state dict.

        Raises:
            DataError: the weights are not there.
        """
        if self.file is not None:
            with _reading(self.file):
                return load_file(self.file)
        name = _pretrained_id(architecture)
        place: dict[str, object] = {}
        if self.hub:  # whose files may be in a form of their own
            custom = timm.get_pretrained_cfg(name).custom_load
            place["pretrained_cfg_overlay"] = {"hf_hub_id": self.hub, "custom_load": custom}
        with _fetching(name):
            model = timm.create_model(name, pretrained=True, **place)
            return cast("nn.Module", model).state_dict()


def is_hub_weights(place: str) -> bool:
    """Whether weights are named by a hub id, not by a file."""
    return is_hub_id(place) and not place.endswith(WEIGHTS) and not Path(place).exists()


def pin_weights(architecture: str, place: str | None) -> Pinned[str | None]:
    """Weights by their file's content, or by the commit of their repository on the hub, which the source then names.

    `place`: a file, a hub id, or None for timm's own; some of timm's own are not on the hub, and have a name alone.

    Raises:
        UnknownNameError: no such architecture.
        DataError: the weights are not there.
    """
    given = Pretrained.at(place)
    if given.file is not None:
        return Pinned(source=place, content={**given.identity(architecture)})
    named = {} if given.hub else given.identity(architecture)
    repository = given.hub or timm.get_pretrained_cfg(named["id"]).hf_hub_id
    if repository is None:
        return Pinned(source=None, content={**named})
    commit = resolve(repository)
    return Pinned(source=commit.id, content={**named, **commit.content})


def init_classifier(design: Design, seed: int, given: Pretrained | None = None) -> Classifier:
    """A classifier that a training can begin with, on the CPU.

    What is random in it follows from the seed alone: the last layer is that of the same seed from scratch. Pretrained
    weights see images normalised as timm says they are used to.

    Raises:
        UnknownNameError: no such architecture.
        DataError: the weights are not there, or are not this architecture's.
    """
    weights = given.read(design.architecture) if given else None
    torch.manual_seed(derive_seed("training", seed, "weights"))
    network = design.build()
    look(network, design.architecture, design.size)
    if given is not None and weights is not None:
        _take(network, weights, design.architecture, str(given.file or _pretrained_id(design.architecture)))
        if (used_to := timm.get_pretrained_cfg(design.architecture, allow_unregistered=True)) is not None:
            design = replace(design, mean=tuple(used_to.mean), std=tuple(used_to.std))
    return Classifier(design, network)


def trainable(model: nn.Module, trains: Trains) -> list[nn.Parameter]:
    """The parameters that are to learn; the others need no gradients from now on."""
    learning = [*model.parameters()] if trains == "all" else [p for part in head_of(model) for p in part.parameters()]
    model.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    return learning


def training_mode(model: nn.Module, trains: Trains) -> nn.Module:
    """Like `model.train()`; but where only the head learns, the body stays as it is when tested.

    Then its batch norms keep their statistics, and it drops nothing out: a linear probe reads fixed features.
    """
    model.train(trains == "all")
    if trains == "head":
        for part in head_of(model):
            part.train()
    return model


def head_of(model: nn.Module) -> tuple[nn.Module, ...]:
    """The last linear layer; two of them where a model was distilled."""
    head = model.get_classifier() if hasattr(model, "get_classifier") else model.head  # type: ignore[operator]
    return head if isinstance(head, tuple) else (cast("nn.Module", head),)


def _take(model: nn.Module, given: Mapping[str, torch.Tensor], architecture: str, source: str) -> None:
    """Copies all weights but the head's; nothing may be missing, left over or of another shape."""
    parts = head_of(model)
    heads = tuple(f"{name}." for name, module in model.named_modules() if any(module is part for part in parts))

    def of_body(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value for name, value in weights.items() if not name.startswith(heads)}

    body, wanted = of_body(given), of_body(model.state_dict())
    for name in sorted(body.keys() | wanted.keys()):
        here, there = (tuple(w[name].shape) if name in w else "nothing" for w in (body, wanted))
        if here != there:
            raise DataError(
                f"the weights {source} are not {architecture}'s: under {name!r} they have {here}, it wants {there}; "
                "name the architecture that they were saved from"
            )
    model.load_state_dict(body, strict=False)


def _pretrained_id(architecture: str) -> str:
    """timm's full name of weights, such as `resnet50.a1_in1k`."""
    check(architecture)
    if "." in architecture:
        return architecture
    if not timm.list_pretrained(f"{architecture}.*"):
        raise DataError(
            f"timm has no pretrained weights for {architecture!r}; begin from scratch, or name a file of weights"
        )
    return f"{architecture}.{timm.get_pretrained_cfg(architecture).tag}"


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the path") from error
    except SafetensorError as error:
        raise DataError(
            f"the weights {file} are not a whole safetensors file ({error}); "
            "write the model's state dict with safetensors.torch.save_file"
        ) from error


@contextmanager
def _fetching(name: str) -> Iterator[None]:
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)  # it would tell of every attempt before our one line
    try:
        yield
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        away = isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, URLError))
        reason = "they are not on this machine and cannot be fetched" if away else one_line(str(error))[:200]
        raise DataError(
            f"cannot load the pretrained weights {name}: {reason}; where there is a network, run "
            f"`python -c \"import timm; timm.create_model('{name}', pretrained=True)\"` once, or name a file of weights"
        ) from error
    finally:
        logger.setLevel(before)
