"""How encoders look at images: prepared one by one, then in batches that are all of one size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels

BATCH = 16
"""Images that go through a network together. The last batch is filled up: an image always meets the same shape."""


@torch.inference_mode()
def looked_at(
    pixels: Pixels,
    prepare: Callable[[np.ndarray], torch.Tensor],
    look: Callable[[torch.Tensor], torch.Tensor],
    device: str,
) -> np.ndarray:
    """Features (N, d) float32: `prepare` takes an image (H, W, 3) uint8 to (3, S, S), `look` a batch to (BATCH, d)."""
    found = []
    for start in range(0, len(pixels), BATCH):
        images = [prepare(pixels[i]) for i in range(start, min(start + BATCH, len(pixels)))]
        filled = torch.stack([*images, *(images[-1:] * (BATCH - len(images)))])
        found.append(look(filled.to(device))[: len(images)].float().cpu().numpy())
    return np.concatenate(found)
