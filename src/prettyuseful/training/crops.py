"""The squares of images that a classifier is shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.errors import DataError
from prettyuseful.training.loader import Feed
from prettyuseful.training.recipes import View
from prettyuseful.training.resample import grid_boxes, resample

_AT_ONCE = 64


def squares_of(pixels: Pixels, view: View, device: str) -> np.ndarray:
    """The middle square of every image, (N, S, S, 3) uint8, as a view of one square shows it.

    Raises:
        DataError: an image is smaller than the square.
    """
    feed = Feed(pixels, device)
    squares = [
        square.permute(0, 2, 3, 1).cpu().numpy()
        for images, sizes in feed.in_order(feed.rows, _AT_ONCE)
        for square in view_crops(images, sizes, view)
    ]
    return np.ascontiguousarray(np.concatenate(squares))


def view_crops(images: torch.Tensor, sizes: torch.Tensor, view: View) -> Iterator[torch.Tensor]:
    """The view's squares, one after another.

    Args:
        images: (N, H, W, 3) uint8 on any device, padded at the bottom and on the right where they are smaller.
        sizes: (N, 2) integers on the CPU, true heights and widths.

    Yields:
        (N, 3, S, S) uint8 on the same device.

    Raises:
        DataError: an image is smaller than the square.
    """
    try:
        grid = grid_boxes(sizes, view.size, None if view.resize == "native" else view.resize, view.crops)
    except ValueError as error:
        raise DataError(f"{error}: take larger images, or a recipe that resizes them") from None
    for boxes in grid:
        top, left, *extent = boxes[0].tolist()
        if extent == [view.size, view.size] and bool((boxes == boxes[:1]).all()):  # whole pixels, all in one place
            rows, columns = (slice(int(begin), int(begin) + view.size) for begin in (top, left))
            yield images[:, rows, columns].permute(0, 3, 1, 2)
        else:
            yield resample(images, boxes, view.size, sizes)
