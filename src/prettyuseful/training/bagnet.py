"""BagNets: a ResNet-50 with a small receptive field that averages over the image.

Source: Brendel and Bethge 2019, "Approximating CNNs with Bag-of-local-Features models works surprisingly well on
ImageNet", and their released code. Strides, widths and the unpadded convolutions are the same. There are two
differences. The image border is repeated by up to 7 pixels instead of cropped, so that every pixel is used. And the
first batch norm has the usual momentum of 0.1 instead of 0.001, so that its statistics are valid after a short
training.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

# Width, blocks and stride of the four stages. The 3x3 convolutions are in the first block of the first stages.
_STAGES = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))
_LOCAL_STAGES = {9: 2, 17: 3, 33: 4}
_STRIDE = 8


class BagNet(nn.Module):
    """A BagNet with a receptive field of `window` px (9, 17 or 33) and a stride of 8 px.

    It has the methods `forward_features` and `forward_head` of timm's models. Images may have any size; an image
    smaller than the window is treated as a single window.
    """

    def __init__(self, window: int, num_classes: int) -> None:
        super().__init__()
        self.window = window
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 1, bias=False),
            nn.Conv2d(64, 64, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        blocks, before = [], 64
        for stage, (width, count, stride) in enumerate(_STAGES):
            for i in range(count):
                first = i == 0
                kernel = 3 if first and stage < _LOCAL_STAGES[window] else 1
                blocks.append(_Bottleneck(before, width, kernel, stride if first else 1))
                before = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of each window, (N, 3, H, W) to (N, 2048, h, w).

        h = 1 + ceil((H - window) / 8), at least 1, and w likewise.
        """
        return cast("torch.Tensor", self.blocks(self.stem(_pad_to_windows(x, self.window))))

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the logits (N, classes), averaged over windows, or the mean features (N, 2048) if `pre_logits`."""
        pooled = x.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


class _Bottleneck(nn.Module):
    """Unpadded convolutions of 1x1, `kernel` x `kernel` and 1x1, and a shortcut that is cropped to the same size."""

    def __init__(self, before: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, kernel, stride, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        return F.relu(out + self.shortcut(x)[:, :, : out.shape[2], : out.shape[3]], inplace=True)


def _pad_to_windows(x: torch.Tensor, window: int) -> torch.Tensor:
    """Repeat border pixels, evenly on both sides, until windows with a stride of 8 px cover the images exactly."""
    height, width = (max(window - side, (window - side) % _STRIDE) for side in x.shape[2:])
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), mode="replicate")


def bagnet9(num_classes: int) -> BagNet:
    """Return a BagNet with a receptive field of 9 px; it has 15.7 M parameters for 1,000 classes."""
    return BagNet(9, num_classes)


def bagnet17(num_classes: int) -> BagNet:
    """Return a BagNet with a receptive field of 17 px; it has 16.2 M parameters for 1,000 classes."""
    return BagNet(17, num_classes)


def bagnet33(num_classes: int) -> BagNet:
    """Return a BagNet with a receptive field of 33 px; it has 18.3 M parameters for 1,000 classes."""
    return BagNet(33, num_classes)
