"""The networks that studies can name: ours, and every model of timm under its own id, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prettyuseful.errors import DataError, UnknownNameError, did_you_mean, one_line
from prettyuseful.memory import is_out_of_memory
from prettyuseful.registry import Registry, loaded

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """One of our own networks.

    `make`: the "module:attribute" of what makes it for a number of classes; a module with the two halves of timm's
    models, `forward_features` and `forward_head`.
    """

    name: str
    summary: str
    make: Callable[[int], nn.Module] | str


ARCHITECTURES = Registry(
    "architecture",
    Architecture,
    (
        Architecture("small", "four convolutions for 32 px, 0.17 M parameters", "prettyuseful.training.small:SmallNet"),
        Architecture(
            "bagnet9",
            "sees windows of 9 px, whatever lies around; 15.7 M parameters",
            "prettyuseful.training.bagnet:bagnet9",
        ),
        Architecture("bagnet17", "sees windows of 17 px; 16.2 M parameters", "prettyuseful.training.bagnet:bagnet17"),
        Architecture("bagnet33", "sees windows of 33 px; 18.3 M parameters", "prettyuseful.training.bagnet:bagnet33"),
    ),
)
# protocol.md, "Training".
PAPER_TIMM_IDS = {
    "resnet50": "timm's ResNet-50, 224 px, one of the paper's four",
    "vit_tiny_patch16_224": "timm's ViT-Ti/16, 224 px, one of the paper's four",
    "convnext_tiny": "timm's ConvNeXt-Ti, 224 px, one of the paper's four",
    "swin_tiny_patch4_window7_224": "timm's Swin-Ti, 224 px, one of the paper's four",
}
"""The paper's architectures, which timm has."""


def build(name: str, num_classes: int, size: int) -> nn.Module:
    """A classifier with random weights, for images of `size` x `size` pixels.

    Raises:
        UnknownNameError: neither ours nor timm's.
        DataError: the architecture cannot look at images of that size.
    """
    import timm

    if name in ARCHITECTURES:
        return loaded(ARCHITECTURES[name].make)(num_classes)
    check(name)
    usual = timm.get_pretrained_cfg(name, allow_unregistered=True)
    sized = {"img_size": size} if usual and usual.fixed_input_size and usual.input_size[1] != size else {}
    with _looking(name, size):
        return cast("nn.Module", timm.create_model(name, pretrained=False, num_classes=num_classes, **sized))


def look(network: nn.Module, name: str, size: int) -> None:
    """Shows the network one black image, which changes nothing in it and draws no random numbers.

    Raises:
        DataError: the architecture cannot look at images of that size.
    """
    import torch

    with _looking(name, size), torch.no_grad():
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
    import timm

    known = [*ARCHITECTURES.rows, *timm.list_models()]
    model, dot, _ = name.partition(".")
    if dot and model in known and name not in (tagged := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError(
            f"timm has no weights {name!r}{did_you_mean(name, tagged)}; known: {', '.join([model, *tagged])}"
        )
    if model not in known:
        raise UnknownNameError(
            f"unknown architecture {name!r}{did_you_mean(name, known)}; "
            f"known: {', '.join(ARCHITECTURES.rows)} and every timm id"
        )
