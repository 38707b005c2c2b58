"""Feature extraction: images are preprocessed one by one and pass through the network in batches of one size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.data.threads import map_in_order

BATCH = 16
"""Images per batch. The last batch is padded, so that the features of an image never depend on the batch size."""


@torch.inference_mode()
def extract_features(
    pixels: Pixels,
    preprocess: Callable[[np.ndarray], torch.Tensor],
    network: Callable[[torch.Tensor], torch.Tensor],
    device: str,
    threads: int = 1,
    batch: int = BATCH,
) -> np.ndarray:
    """Return features (N, d) float32, on the CPU.

    Args:
        pixels: N images.
        preprocess: turns an image (H, W, 3) uint8 into a tensor (3, S, S).
        network: turns a batch (N, 3, S, S) into features (N, d).
        device: of the network.
        threads: that preprocess images.
        batch: images per batch.
    """
    batches = []
    prepared = map_in_order(lambda i: preprocess(pixels[i]), range(len(pixels)), threads)
    while images := list(islice(prepared, batch)):
        padded = torch.stack([*images, *(images[-1:] * (batch - len(images)))])
        batches.append(network(padded.to(device))[: len(images)].float().cpu().numpy())
    return np.concatenate(batches)
