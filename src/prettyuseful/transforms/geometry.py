"""Changes of where things are and how large, with the colours left alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, generator_of, resized, scaled


class PatchShuffle(Formula):
    """Cuts an image into `grid` x `grid` patches and puts every one of them into another's place.

    Equal images are shuffled equally: the order comes from `seed` and the image's own bytes. Rows and columns that no
    whole patch covers, at the lower and right edge, stay where they are.
    """

    kind: Literal["patch-shuffle"] = "patch-shuffle"
    grid: int = Field(4, ge=2, le=64, description="patches per side")
    seed: int = Field(0, ge=0, description="another seed is another order")

    def changed(self, image: np.ndarray) -> np.ndarray:
        """Raises DataError: the image is smaller than the grid."""
        height, width = image.shape[0] // self.grid, image.shape[1] // self.grid
        if not height or not width:
            raise DataError(f"no {self.grid} x {self.grid} patches fit into {image.shape[1]} x {image.shape[0]} pixels")
        whole = image[: height * self.grid, : width * self.grid]
        patches = whole.reshape(self.grid, height, self.grid, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
        circle = generator_of(image, self.seed).permutation(len(patches))
        moved = np.empty_like(patches)
        moved[circle] = patches[np.roll(circle, 1)]  # one step along a circle: none stays
        result = image.copy()
        shape = (self.grid, self.grid, height, width, 3)
        result[: whole.shape[0], : whole.shape[1]] = moved.reshape(shape).swapaxes(1, 2).reshape(whole.shape)
        return result


class Zoom(Formula):
    """Everything larger or smaller by `factor`, from 1/16 to 16, around the middle, by Pillow's bicubic filter.

    Above 1: the middle 1/factor of both sides, cut between pixels where need be, enlarged to the whole. Below 1: the
    image shrunk, anti-aliased, to whole pixels (one at least), put in the middle, or half a pixel above or left of it,
    and continued by mirroring to its size: what was once in the image is then there several times.
    """

    kind: Literal["zoom"] = "zoom"
    factor: float = Field(ge=1 / 16, le=16, description="of sizes in the image; above 1 is nearer, below 1 farther")

    def changed(self, image: np.ndarray) -> np.ndarray:
        return self._nearer(image) if self.factor >= 1 else self._farther(image)

    def _nearer(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        near, far = 0.5 - 0.5 / self.factor, 0.5 + 0.5 / self.factor
        return resized(image, height, width, (width * near, height * near, width * far, height * far))

    def _farther(self, image: np.ndarray) -> np.ndarray:
        sizes = [(side, scaled(side, self.factor)) for side in image.shape[:2]]
        margins = [((side - small) // 2, (side - small + 1) // 2) for side, small in sizes]
        return np.pad(resized(image, sizes[0][1], sizes[1][1]), [*margins, (0, 0)], mode="symmetric")
