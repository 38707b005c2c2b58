"""A small network for images of 32 px."""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import nn


class SmallNet(nn.Module):
    """Four convolutional layers with batch norm. It has the methods `forward_features` and `forward_head` of timm."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(itertools.pairwise(widths)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
            if i < 3:
                layers.append(nn.MaxPool2d(2))  # before the ReLU, which then has a fourth of the values; equal results
            layers.append(nn.ReLU(inplace=True))
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return feature maps, (N, 3, S, S) to (N, C, S/8, S/8)."""
        return cast("torch.Tensor", self.body(x))

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the logits (N, classes) of feature maps, or the penultimate features (N, C) if `pre_logits`."""
        pooled = x.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))
