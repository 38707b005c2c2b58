"""Checks of features, shared by all metrics, so that the same mistake gives the same message."""

from __future__ import annotations

import math

import numpy as np

from prettyuseful.errors import DataError

LARGEST = 1e40
"""Largest absolute value of a feature. It exceeds float32; beyond it, KID's cubed products could overflow float64."""


def check_features(features: np.ndarray, name: str, fewest: int = 1) -> None:
    """Check that features are finite real numbers (N, d), with d at least 1 and N at least `fewest`.

    Args:
        name: whose features these are, for error messages.

    Raises:
        DataError: wrong shape or type, too few images, a value that is not finite or larger than 1e40.
    """
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "fiub":
        raise DataError(
            f"{name} features have shape {features.shape} and type {features.dtype}; pass real numbers of shape "
            "(N, d), one row per image"
        )
    if len(features) < fewest:
        raise DataError(f"{_image_count(len(features), name)}, and at least {fewest} are needed; use more images")
    low, high = float(features.min()), float(features.max())  # both are NaN if any value is NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"{name} features contain values that are not finite; embed the images again in float32, or remove the "
            "affected images"
        )
    if max(abs(low), abs(high)) > LARGEST:
        raise DataError(f"{name} features exceed {LARGEST:g} in size; divide both sets by the same number")


def check_pair(real: np.ndarray, synthetic: np.ndarray, fewest: int = 1) -> None:
    """Check the features of both sets with `check_features`, and that they have the same number of dimensions.

    Raises:
        DataError: as `check_features`, or the dimensions differ.
    """
    check_features(real, "real", fewest)
    check_features(synthetic, "synthetic", fewest)
    if real.shape[1] != synthetic.shape[1]:
        raise DataError(
            f"real features have {real.shape[1]} dimensions and synthetic features {synthetic.shape[1]}; embed both "
            "sets with the same encoder"
        )


def lengths(features: np.ndarray, name: str) -> np.ndarray:
    """Return the Euclidean lengths (N,) float64 of the rows.

    Raises:
        DataError: a row is all zeros, so its cosine is undefined.
    """
    norms: np.ndarray = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64, casting="unsafe"))
    if not norms.all():
        row = int(np.flatnonzero(norms == 0)[0])
        raise DataError(
            f"{name} features of image {row} (from 0) are all zero, so their cosine is undefined; remove the image or "
            "use the Euclidean distance"
        )
    return norms


def unit_rows(features: np.ndarray, name: str) -> np.ndarray:
    """Return the features (N, d) float64 with rows scaled to length 1.

    Raises:
        DataError: a row is all zeros.
    """
    rows: np.ndarray = features / lengths(features, name)[:, None]
    return rows


def _image_count(count: int, name: str) -> str:
    return f"there is 1 {name} image" if count == 1 else f"there are {count} {name} images"
