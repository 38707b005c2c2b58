"""Changes of positions and sizes in an image, without changes of colour."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, image_generator, resize_image, scaled_side, to_uint8


class PatchShuffle(Formula):
    """Cut an image into `grid` x `grid` patches and permute them, so that no patch stays in its position.

    `seed`: the permutation depends on this seed and the bytes of the image, so equal images are shuffled equally. Rows
    and columns at the lower and right edge that do not fill a patch stay unchanged.
    """

    kind: Literal["patch-shuffle"] = "patch-shuffle"
    grid: int = Field(4, ge=2, le=64, description="patches per side")
    seed: int = Field(0, ge=0, description="seed of the permutation")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        """Return the image with permuted patches.

        Raises:
            DataError: the image is smaller than the grid.
        """
        height, width = image.shape[0] // self.grid, image.shape[1] // self.grid
        if not height or not width:
            raise DataError(
                f"a {self.grid} x {self.grid} grid does not fit a {image.shape[1]} x {image.shape[0]} image; lower grid"
            )
        whole = image[: height * self.grid, : width * self.grid]
        patches = whole.reshape(self.grid, height, self.grid, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
        cycle = image_generator(image, self.seed).permutation(len(patches))
        moved = np.empty_like(patches)
        moved[cycle] = patches[np.roll(cycle, 1)]  # a single cycle moves every patch
        result = image.copy()
        shape = (self.grid, self.grid, height, width, 3)
        result[: whole.shape[0], : whole.shape[1]] = moved.reshape(shape).swapaxes(1, 2).reshape(whole.shape)
        return result


class Zoom(Formula):
    """Enlarge or shrink the content of an image around its centre, by Pillow's anti-aliased bicubic filter.

    `factor`: from 1/16 to 16. Above 1, the central 1/factor of both sides is enlarged to the whole image; the crop may
    begin between pixels. Below 1, the image is shrunk to whole pixels (at least 1), centred up to half a pixel, and
    padded to its size by mirroring; so the content appears several times.
    """

    kind: Literal["zoom"] = "zoom"
    factor: float = Field(
        ge=1 / 16, le=16, description="factor of all sizes in the image; above 1 enlarges, below 1 shrinks"
    )

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return self._enlarge(image) if self.factor >= 1 else self._shrink(image)

    def _enlarge(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        near, far = 0.5 - 0.5 / self.factor, 0.5 + 0.5 / self.factor
        return resize_image(image, height, width, (width * near, height * near, width * far, height * far))

    def _shrink(self, image: np.ndarray) -> np.ndarray:
        sizes = [(side, scaled_side(side, self.factor)) for side in image.shape[:2]]
        margins = [((side - small) // 2, (side - small + 1) // 2) for side, small in sizes]
        return np.pad(resize_image(image, sizes[0][1], sizes[1][1]), [*margins, (0, 0)], mode="symmetric")


class Rotate(Formula):
    """Rotate an image anticlockwise by a multiple of 90 degrees; the pixels stay the same."""

    kind: Literal["rotate"] = "rotate"
    degrees: Literal[90, 180, 270] = Field(90, description="anticlockwise")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(image, self.degrees // 90))


class Flip(Formula):
    """Turn an image upside down (a vertical flip), or exchange left and right (a horizontal flip)."""

    kind: Literal["flip"] = "flip"
    axis: Literal["vertical", "horizontal"] = Field("vertical", description="the direction in which pixels move")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(image[::-1] if self.axis == "vertical" else image[:, ::-1])


class Stretch(Formula):
    """Change the aspect ratio of the content and keep the size of the image, by Pillow's anti-aliased bicubic filter.

    The content becomes `factor` times as wide: from 1/4 to 4. Above 1, the central 1/factor of the width fills the
    image; below 1, the central `factor` of the height does.
    """

    kind: Literal["stretch"] = "stretch"
    factor: float = Field(ge=0.25, le=4, description="width divided by height, relative to the original")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        across, down = min(1, 1 / self.factor), min(1, self.factor)
        left, upper = width * (1 - across) / 2, height * (1 - down) / 2
        return resize_image(image, height, width, (left, upper, width - left, height - upper))


Margin = Annotated[float, Field(ge=0, lt=0.5)]
Part = Annotated[float, Field(ge=0, le=1)]


class Frame(Formula):
    """Add margins of one colour, in fractions of the sides, rounded to whole pixels. The size of the image stays.

    `fit`: "cover" hides the content below the margins; "shrink" resizes all of it to the area inside them, by Pillow's
    anti-aliased bicubic filter.
    """

    kind: Literal["frame"] = "frame"
    top: Margin = Field(0.0, description="upper margin, in fractions of the height")
    bottom: Margin = Field(0.0, description="lower margin, in fractions of the height")
    left: Margin = Field(0.0, description="left margin, in fractions of the width")
    right: Margin = Field(0.0, description="right margin, in fractions of the width")
    colour: tuple[Part, Part, Part] = Field((0.0, 0.0, 0.0), description="red, green and blue of the margins, 0-1")
    fit: Literal["cover", "shrink"] = Field("cover", description="what happens to the content below the margins")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        rows = slice(round(self.top * height), height - round(self.bottom * height))
        columns = slice(round(self.left * width), width - round(self.right * width))
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        if min(shape) < 1:
            raise DataError(f"the margins of the frame leave nothing of a {width} x {height} image; lower them")
        framed = np.broadcast_to(to_uint8(np.array(self.colour)), image.shape).copy()
        framed[rows, columns] = image[rows, columns] if self.fit == "cover" else resize_image(image, *shape)
        return framed
