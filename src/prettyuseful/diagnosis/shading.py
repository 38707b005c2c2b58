"""Shading: a gain that varies smoothly over the image, such as a vignette or light from one side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.fitted_changes import Pattern, fitted_candidate
from prettyuseful.diagnosis.moments import LUMA, Moments, coarse_brightness

_MIN_CONTRAST = 0.15  # smallest difference in gain between two parts of an image
_DARKEST = 0.02  # smallest mean luma, 0-1, that is divided by


def fit_shading(moments: Moments) -> Iterator[Candidate]:
    """Yield a gain that varies smoothly over the image, a quadratic function of the position, if there is one."""
    if not moments.test(coarse_brightness).significant:
        return
    height, width = moments.difference.shape[:2]
    down, across = (
        values.ravel() for values in np.meshgrid(*(np.linspace(-1, 1, n) for n in (height, width)), indexing="ij")
    )
    terms = np.stack([np.ones(down.size), down, across, down * across, down**2, across**2], axis=1)
    before = moments.real_mean @ LUMA
    ratio = 1 + (moments.difference @ LUMA) / np.maximum(before, _DARKEST)
    gain = np.clip(terms @ np.linalg.lstsq(terms, ratio.ravel(), rcond=None)[0], 0, 2).reshape(height, width, 1)
    regions = {name: float(gain[region].mean()) for name, region in _regions(height, width).items()}
    darkest, brightest = min(regions, key=regions.__getitem__), max(regions, key=regions.__getitem__)
    if regions[brightest] - regions[darkest] >= _MIN_CONTRAST:
        ends = " to ".join(f"{regions[name]:.2f} ({name})" for name in (darkest, brightest))
        shading = Pattern(1 - gain, np.zeros((height, width, 3)))
        yield fitted_candidate("shading added", shading, f"brightness multiplied by {ends}")


def _regions(height: int, width: int) -> dict[str, np.ndarray]:
    """Return masks (H, W) of parts of an image, by name."""
    down, across = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return {
        "centre": np.maximum(np.abs(down), np.abs(across)) < 0.5,
        "corners": np.minimum(np.abs(down), np.abs(across)) > 0.7,
        "top": down < -0.7,
        "bottom": down > 0.7,
        "left": across < -0.7,
        "right": across > 0.7,
    }
