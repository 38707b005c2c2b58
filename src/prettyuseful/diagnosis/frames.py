"""Frames: margins of one colour that most synthetic images have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.fitted_changes import fitted_candidate
from prettyuseful.diagnosis.flat_areas import FLAT_RANGE, MIN_EXCESS
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.transforms.geometry import Frame

_FRAMED_SHARE = 0.75  # smallest share of the images whose margins are at least as wide as the frame
_CORNER = 10  # the side of the content is 10 times the side of a corner


@dataclass(frozen=True)
class Margins:
    """Margins of one colour. `top`, `bottom`, `left`, `right` are in pixels of `height` x `width` images."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int
    colour: tuple[float, float, float]

    @property
    def mask(self) -> np.ndarray:
        """Return the positions (H, W) in the margins."""
        mask = np.ones((self.height, self.width), bool)
        mask[self.top : self.height - self.bottom, self.left : self.width - self.right] = False
        return mask

    def candidates(self) -> Iterator[Candidate]:
        """Yield the frame over the content, and around content that is shrunk to fit into it."""
        margins = {
            "top": self.top / self.height,
            "bottom": self.bottom / self.height,
            "left": self.left / self.width,
            "right": self.right / self.width,
        }
        sides = ", ".join(f"{name} {value:.0%}" for name, value in margins.items() if value)
        cover = Frame(**margins, colour=self.colour, fit="cover")
        shrink = cover.model_copy(update={"fit": "shrink"})
        yield fitted_candidate("frame added", cover, f"a frame over the image ({sides})")
        yield fitted_candidate("frame added", shrink, f"shrinking into a frame ({sides})")


def find_frame(real: LabelledImages, synthetic: LabelledImages) -> Margins | None:
    """Return the margins of one colour that most synthetic and few real images have, or None."""
    margins, real_margins = margins_of(synthetic.pixels), margins_of(real.pixels)
    widths = np.quantile(margins, 1 - _FRAMED_SHARE, axis=0, method="lower").astype(int)
    excess = (margins >= widths).mean(axis=0) - (real_margins >= widths).mean(axis=0)
    widths[excess < MIN_EXCESS] = 0
    height, width = synthetic.pixels.shape[1:3]
    top, bottom, left, right = (int(value) for value in widths)
    if not widths.any() or top + bottom >= height - 1 or left + right >= width - 1:
        return None
    frame = Margins(height, width, top, bottom, left, right, (0.0, 0.0, 0.0))
    colours = np.median(synthetic.pixels[:, frame.mask], axis=1)
    if _has_flat_corners(synthetic.pixels, frame, colours):
        return None
    red, green, blue = (round(float(value) / 255, 3) for value in np.median(colours, axis=0))
    return replace(frame, colour=(red, green, blue))


def margins_of(pixels: np.ndarray) -> np.ndarray:
    """Return the widths (N, 4) of the margins of one colour: top, bottom, left, right, in pixels."""
    columns = []
    for lines in (pixels, pixels[:, ::-1], pixels.swapaxes(1, 2), pixels[:, :, ::-1].swapaxes(1, 2)):
        widths = np.zeros(len(pixels), np.int64)
        colours = np.median(lines[:, 0], axis=1)
        rows = np.arange(len(pixels))  # of the images whose margins go on
        for number in range(lines.shape[1] // 2):
            differences = np.abs(lines[rows, number] - colours[rows][:, None])
            rows = rows[(differences <= FLAT_RANGE / 2).all(axis=(1, 2))]
            widths[rows] += 1
            if not len(rows):
                break
        columns.append(widths)
    return np.stack(columns, axis=1)


def _has_flat_corners(pixels: np.ndarray, frame: Margins, colours: np.ndarray) -> bool:
    """Return whether most images have the colour of the margins in the corners of the content, too.

    Then it is the colour of a flat background.

    Args:
        colours: (N, 3) the colour of the margins of each image.
    """
    content = pixels[:, frame.top : frame.height - frame.bottom, frame.left : frame.width - frame.right]
    size = max(1, min(content.shape[1:3]) // _CORNER)
    ends = (slice(size), slice(-size, None))
    corners = np.stack([content[:, rows, columns].mean(axis=(1, 2)) for rows in ends for columns in ends])
    return bool((np.abs(corners - colours).max(axis=(0, 2)) < FLAT_RANGE).mean() > 0.5)
