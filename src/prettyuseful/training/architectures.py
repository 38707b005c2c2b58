"""Networks with random weights: ours, and every model of timm under its own id."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import timm
import torch
from torch import nn

from prettyuseful.errors import DataError, UnknownNameError, did_you_mean, one_line
from prettyuseful.memory import is_out_of_memory
from prettyuseful.registry import ARCHITECTURES


class SmallNet(nn.Module):
    """Four convolutions with batch norm, for small images. Has the two halves of timm's models."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(itertools.pairwise(widths)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            if i < 3:
                layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) to (N, C, S/8, S/8)."""
        return cast("torch.Tensor", self.body(x))

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Feature maps to logits (N, classes), or to the penultimate features (N, C)."""
        pooled = x.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


def build(name: str, num_classes: int, size: int) -> nn.Module:
    """A classifier with random weights, for images of `size` x `size` pixels.

    Raises:
        UnknownNameError: neither ours nor timm's.
        DataError: the architecture cannot look at images of that size.
    """
    if name in ARCHITECTURES.entries:
        return cast("nn.Module", ARCHITECTURES[name].load()(num_classes))
    check(name)
    usual = timm.get_pretrained_cfg(name, allow_unregistered=True)
    sized = {"img_size": size} if usual and usual.fixed_input_size and usual.input_size[1] != size else {}
    with _looking(name, size):
        return cast("nn.Module", timm.create_model(name, pretrained=False, num_classes=num_classes, **sized))


@torch.no_grad()
def look(network: nn.Module, name: str, size: int) -> None:
    """Shows the network one black image, which changes nothing in it and draws no random numbers.

    Raises:
        DataError: the architecture cannot look at images of that size.
    """
    with _looking(name, size):
        network.eval()(torch.zeros(1, 3, size, size))


@contextmanager
def _looking(name: str, size: int) -> Iterator[None]:
    try:
        yield
    except (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        if is_out_of_memory(error):
            raise
        raise DataError(
            f"{name} cannot look at images of {size} pixels ({one_line(str(error))[:200]}); "
            "take a recipe of another size, or another architecture"
        ) from error


def check(name: str) -> None:
    """Raises UnknownNameError, with the nearest names, for an id that neither we nor timm know."""
    known = [*ARCHITECTURES.entries, *timm.list_models()]
    model, dot, _ = name.partition(".")
    if dot and model in known and name not in (tagged := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError(
            f"timm has no weights {name!r}{did_you_mean(name, tagged)}; known: {', '.join([model, *tagged])}"
        )
    if model not in known:
        raise UnknownNameError(
            f"unknown architecture {name!r}{did_you_mean(name, known)}; "
            f"known: {', '.join(ARCHITECTURES.entries)} and every timm id"
        )
