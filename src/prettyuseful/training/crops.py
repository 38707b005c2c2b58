"""The square crops of images that a classifier receives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.errors import DataError
from prettyuseful.training.loader import BatchLoader
from prettyuseful.training.recipes import View
from prettyuseful.training.resample import grid_boxes, resample

_BATCH_SIZE = 64


def centre_crops(pixels: Pixels, view: View, device: str) -> np.ndarray:
    """Return the central square of every image, (N, S, S, 3) uint8.

    Args:
        pixels: N images.
        view: size of the square, and of the image before cropping; with `crops` 1.
        device: device of the computation.

    Raises:
        DataError: an image is smaller than the square.
    """
    loader = BatchLoader(pixels, device)
    squares = [
        square.permute(0, 2, 3, 1).cpu().numpy()
        for images, sizes in loader.batches_in_order(loader.rows, _BATCH_SIZE)
        for square in view_crops(images, sizes, view)
    ]
    return np.ascontiguousarray(np.concatenate(squares))


def view_crops(images: torch.Tensor, sizes: torch.Tensor, view: View) -> Iterator[torch.Tensor]:
    """Yield the square crops of a view, one batch for each of its positions.

    Args:
        images: (N, H, W, 3) uint8 on any device; smaller images are padded at the bottom and on the right.
        sizes: (N, 2) integers on the CPU, heights and widths without padding.
        view: size and number of the crops.

    Yields:
        (N, 3, S, S) uint8 on the same device.

    Raises:
        DataError: an image is smaller than the square.
    """
    try:
        grid = grid_boxes(sizes, view.size, None if view.resize == "native" else view.resize, view.crops)
    except ValueError as error:
        raise DataError(f"{error}; use larger images, or a recipe that resizes them") from None
    for boxes in grid:
        top, left, *extent = boxes[0].tolist()
        if extent == [view.size, view.size] and bool((boxes == boxes[:1]).all()):  # whole pixels, equal in all images
            rows, columns = (slice(int(begin), int(begin) + view.size) for begin in (top, left))
            yield images[:, rows, columns].permute(0, 3, 1, 2)
        else:
            yield resample(images, boxes, view.size, sizes)
