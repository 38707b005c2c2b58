"""Changes that are fitted to a data set, as candidates of the search for changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, Family, FittedChange
from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.transforms.base import Formula, to_uint8


def fitted_candidate(cause: str, change: Formula | FittedChange, words: str) -> Candidate:
    """Return a candidate of a family of its own, whose only strength is the one that was fitted.

    Args:
        cause: the name of the cause that the change imitates.
        change: applied to real images.
        words: describe the change.
    """
    return Candidate(Family(CAUSES[cause], (1.0,), lambda _: change, words), 1.0, change)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A change that is the same at each position of every image of a class: `(1 - alpha) * image + add`.

    Attributes:
        alpha: (H, W, 1) or (H, W, 3), how much of the content is covered; below 0 if its contrast rises.
        add: (H, W, 3) what is added, in fractions of the range, or (classes, H, W, 3) if it depends on the class.
    """

    alpha: np.ndarray
    add: np.ndarray

    def apply(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images with the pattern."""
        added = np.broadcast_to(self.add, (len(images), *images.shape[1:])) if self.add.ndim == 3 else self.add[labels]
        pairs = zip(images, added, strict=True)
        return np.stack([to_uint8(image / 255 * (1 - self.alpha) + add) for image, add in pairs])
