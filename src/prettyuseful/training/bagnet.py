"""BagNets: a ResNet-50 whose features each see one small window, and that averages what it sees in them.

After Brendel and Bethge 2019, "Approximating CNNs with Bag-of-local-Features models works surprisingly well on
ImageNet", and the code they released: strides, widths and the unpadded convolutions are theirs. Two things are not. The
image's border is repeated by up to 7 pixels, where theirs drops as many: no pixel goes unseen. And the first batch norm
forgets as quickly as the others (momentum 0.1; theirs 0.001), so that its statistics serve after a short training.
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
    """Features of windows of `window` px (9, 17 or 33), 8 px apart. Has the two halves of timm's models.

    Any image size does; one smaller than the window counts as a single window.
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
        """(N, 3, H, W) to (N, 2048, h, w): 2048 features of each window, h = 1 + ceil((H - window) / 8), at least 1."""
        return cast("torch.Tensor", self.blocks(self.stem(_covered(x, self.window))))

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Features to logits (N, classes), the mean of the windows' own logits, or to mean features (N, 2048)."""
        pooled = x.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


class _Bottleneck(nn.Module):
    """1x1, `kernel` x `kernel`, 1x1, unpadded, beside a shortcut that loses its last rows and columns to fit."""

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


def _covered(x: torch.Tensor, window: int) -> torch.Tensor:
    """The images with border pixels repeated, as evenly as can be, until windows 8 px apart cover them exactly."""
    height, width = (max(window - side, (window - side) % _STRIDE) for side in x.shape[2:])
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), mode="replicate")


def bagnet9(num_classes: int) -> BagNet:
    """Windows of 9 px; 15.7 M parameters for 1,000 classes."""
    return BagNet(9, num_classes)


def bagnet17(num_classes: int) -> BagNet:
    """Windows of 17 px; 16.2 M parameters for 1,000 classes."""
    return BagNet(17, num_classes)


def bagnet33(num_classes: int) -> BagNet:
    """Windows of 33 px; 18.3 M parameters for 1,000 classes."""
    return BagNet(33, num_classes)
