"""The Inception network of FID, with the TensorFlow weights of 2015 that pytorch-fid converted."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torchvision.models.inception import (
    BasicConv2d,
    Inception3,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)

from prettyuseful.data.pixels import Pixels
from prettyuseful.data.threads import preparing_threads
from prettyuseful.encoders.extraction import extract_features
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line

SIDE = 299
CLASSES = 1008
_DOWNLOAD_HINT = "download pt_inception-2015-12-05-6726825d.pth from the releases of pytorch-fid"


class Inception:
    """The 2048 values after the last average pooling ("pool3"), as in pytorch-fid.

    Images are resized to 299 x 299 without keeping the aspect ratio (bilinear, no anti-aliasing, align_corners=False)
    and scaled to -1..1. The original TensorFlow code and torch-fidelity resize differently, so do not compare FID
    values across implementations.

    Args:
        weights: the file of pytorch-fid, a state dict saved by `torch.save`; code in the file is not executed.
        numerics: the device.

    Raises:
        DataError: the file cannot be read, or has the weights of another network.
    """

    def __init__(self, weights: Path | str, numerics: Numerics) -> None:
        network = fid_inception_v3()
        _load(network, weights)
        network.fc = nn.Identity()
        self.network, self.device = network.to(numerics.device).eval(), numerics.device
        self.threads = preparing_threads(numerics)

    def features(self, pixels: Pixels) -> np.ndarray:
        return extract_features(pixels, preprocess, self.network, self.device, self.threads)


def preprocess(image: np.ndarray) -> torch.Tensor:
    """Turn an image (H, W, 3) uint8 into (3, 299, 299) float32 in -1..1."""
    values = torch.tensor(image).permute(2, 0, 1)[None].float().div_(255)
    resized: torch.Tensor = interpolate(values, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return 2 * resized[0] - 1


def fid_inception_v3() -> nn.Module:
    """Create torchvision's Inception v3 with the differences of FID's network, and random weights.

    - 1008 classes, no auxiliary classifier, no normalisation of the input. Keys and shapes of the state dict are those
      of `torchvision.models.inception_v3(num_classes=1008, aux_logits=False)`.
    - Average pooling in the blocks Mixed_5b, 5c, 5d, 6b, 6c, 6d, 6e and 7b excludes the padding.
    - The last block, Mixed_7c, uses max pooling instead of average pooling.
    """
    blocks: Any = [BasicConv2d, _A, InceptionB, _C, InceptionD, _E, InceptionAux]
    network: nn.Module = Inception3(
        CLASSES, aux_logits=False, transform_input=False, inception_blocks=blocks, init_weights=False
    )
    network.Mixed_7c = _LastE(2048)
    return network


class _A(InceptionA):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_mean_of_neighbours(x)),
        ]


class _C(InceptionC):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(_mean_of_neighbours(x)),
        ]


class _E(InceptionE):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(once), self.branch3x3_2b(once)], 1),
            torch.cat([self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)], 1),
            self.branch_pool(self._pool(x)),
        ]

    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return _mean_of_neighbours(x)


class _LastE(_E):
    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return max_pool2d(x, kernel_size=3, stride=1, padding=1)


def _mean_of_neighbours(x: torch.Tensor) -> torch.Tensor:
    return avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _load(network: nn.Module, file: Path | str) -> None:
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; {_DOWNLOAD_HINT}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{file} does not hold the weights of FID's Inception ({redact_line(str(error), 200)}); {_DOWNLOAD_HINT}"
        ) from error
