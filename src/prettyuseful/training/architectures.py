"""Architectures of classifiers: our own networks, and all models of timm, with random weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.memory import is_out_of_memory
from prettyuseful.redaction import redact_line
from prettyuseful.registry import Registry, import_target

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """A network that is not from timm.

    `make`: a function, or its import path "module:attribute", that takes the number of classes and returns a module
    with the methods `forward_features` and `forward_head`, as timm's models have them.
    """

    name: str
    summary: str
    make: Callable[[int], nn.Module] | str


ARCHITECTURES = Registry(
    "architecture",
    Architecture,
    (
        Architecture(
            "small",
            "four convolutional layers for 32 px images; 0.17 M parameters",
            "prettyuseful.training.small:SmallNet",
        ),
        Architecture(
            "bagnet9",
            "receptive field of 9 px; 15.7 M parameters",
            "prettyuseful.training.bagnet:bagnet9",
        ),
        Architecture(
            "bagnet17", "receptive field of 17 px; 16.2 M parameters", "prettyuseful.training.bagnet:bagnet17"
        ),
        Architecture(
            "bagnet33", "receptive field of 33 px; 18.3 M parameters", "prettyuseful.training.bagnet:bagnet33"
        ),
    ),
)
# protocol.md, "Training".
PAPER_TIMM_IDS = {
    "resnet50": "timm's ResNet-50, 224 px; used in the paper",
    "vit_tiny_patch16_224": "timm's ViT-Ti/16, 224 px; used in the paper",
    "convnext_tiny": "timm's ConvNeXt-Ti, 224 px; used in the paper",
    "swin_tiny_patch4_window7_224": "timm's Swin-Ti, 224 px; used in the paper",
}
"""The four architectures of the paper, by their timm id."""


def build(name: str, num_classes: int, size: int) -> nn.Module:
    """Return a classifier with random weights for images of `size` x `size` pixels.

    Args:
        name: a name in `ARCHITECTURES`, or a timm id.
        num_classes: number of outputs.
        size: side of the images in pixels.

    Raises:
        UnknownNameError: no architecture has this name.
        DataError: the architecture does not support this image size.
    """
    if name in ARCHITECTURES:
        return import_target(ARCHITECTURES[name].make)(num_classes)
    import timm

    check_architecture(name)
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    size_option = {"img_size": size} if config and config.fixed_input_size and config.input_size[1] != size else {}
    with _catch_size_errors(name, size):
        return cast("nn.Module", timm.create_model(name, pretrained=False, num_classes=num_classes, **size_option))


def check_input_size(network: nn.Module, name: str, size: int) -> None:
    """Run the network on one black image. This changes no state and uses no random numbers.

    Raises:
        DataError: the architecture does not support this image size.
    """
    import torch

    with _catch_size_errors(name, size), torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size))


@contextmanager
def _catch_size_errors(name: str, size: int) -> Iterator[None]:
    try:
        yield
    except (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        if is_out_of_memory(error):
            raise
        raise DataError(
            f"{name} does not support images of {size} x {size} pixels ({redact_line(str(error), 200)}); "
            "choose a recipe with another size, or another architecture"
        ) from error


def check_architecture(name: str) -> None:
    """Check that an architecture exists.

    Raises:
        UnknownNameError: neither prettyuseful nor timm has the architecture or its weights; suggests similar names.
    """
    if name in ARCHITECTURES or _is_in_timm_sources(name):
        return
    import timm

    known = [*ARCHITECTURES.rows, *timm.list_models()]
    model, dot, _ = name.partition(".")
    if dot and model in known and name not in (weights := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError(
            f"timm has no weights {name!r}{did_you_mean(name, weights)}; known: {', '.join([model, *weights])}"
        )
    if model not in known:
        raise UnknownNameError(
            f"unknown architecture {name!r}{did_you_mean(name, known)}; "
            f"known: {', '.join(ARCHITECTURES.rows)} and all timm ids"
        )


def _is_in_timm_sources(name: str) -> bool:
    """Whether timm's sources register the model, and its weights if the name has some.

    Importing timm loads PyTorch: 10 seconds and 700 MiB, which planning does not need for anything else.
    """
    package = find_spec("timm")
    if package is None or not package.submodule_search_locations:
        return False
    model, dot, _ = name.partition(".")
    registration = re.compile(rf"^@register_model\ndef {re.escape(model)}\(", re.MULTILINE)
    for path in Path(package.submodule_search_locations[0], "models").glob("*.py"):
        text = path.read_text("utf-8")
        if registration.search(text):
            return not dot or f"'{name}'" in text or f'"{name}"' in text
    return False
