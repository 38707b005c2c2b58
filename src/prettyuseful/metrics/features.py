"""Features as metrics take them: checked once, here, so that every metric says the same of the same mistake."""

from __future__ import annotations

import math

import numpy as np

from prettyuseful.errors import DataError

LARGEST = 1e40
"""More than float32 holds; beyond it, sums of KID's cubed products would leave float64."""


def check_features(features: np.ndarray, name: str, fewest: int = 1) -> None:
    """Lets (N, d) numbers pass, d at least 1 and N at least `fewest`; `name` says in a message whose they are.

    Raises:
        DataError: another shape or type, too few images, a value that is not finite or beyond 1e40.
    """
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiub":
        raise DataError(
            f"{name} features are an array of shape {features.shape} and type {features.dtype}; give one row of real "
            "numbers per image, (N, d) with d at least 1"
        )
    if len(features) < fewest:
        raise DataError(f"{_images(len(features), name)}, and {fewest} at least are needed; take more images")
    low, high = float(features.min()), float(features.max())  # both NaN where one value is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"{name} features hold values that are not finite; embed the images again in float32, or leave out the "
            "images whose features they are"
        )
    if max(abs(low), abs(high)) > LARGEST:
        raise DataError(f"{name} features go beyond {LARGEST:g} in size; divide both sets by one number")


def check_pair(real: np.ndarray, synthetic: np.ndarray, fewest: int = 1) -> None:
    """`check_features` on both sets, which must come from one space.

    Raises:
        DataError: as `check_features`, or sets of different d.
    """
    check_features(real, "real", fewest)
    check_features(synthetic, "synthetic", fewest)
    if real.shape[1] != synthetic.shape[1]:
        raise DataError(
            f"real features have {real.shape[1]} dimensions and synthetic ones {synthetic.shape[1]}; embed both sets "
            "with one encoder"
        )


def lengths(features: np.ndarray, name: str) -> np.ndarray:
    """Euclidean lengths (N,) float64, to divide by.

    Raises:
        DataError: a row of zeros, which has no direction and so no cosine with anything.
    """
    found: np.ndarray = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64, casting="unsafe"))
    if not found.all():
        row = int(np.flatnonzero(found == 0)[0])
        raise DataError(
            f"{name} features of image {row} (from 0) are all zero, and a cosine needs a direction; leave the image "
            "out or use the Euclidean distance"
        )
    return found


def unit_rows(features: np.ndarray, name: str) -> np.ndarray:
    """(N, d) float64 with rows of length 1.

    Raises:
        DataError: a row of zeros.
    """
    rows: np.ndarray = features / lengths(features, name)[:, None]
    return rows


def _images(count: int, name: str) -> str:
    return f"there is 1 {name} image" if count == 1 else f"there are {count} {name} images"
