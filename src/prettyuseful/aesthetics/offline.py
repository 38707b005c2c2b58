"""Scores of one image that need no model: colour, contrast, sharpness, exposure and composition.

Each function takes the `Planes` of an image of any size and returns one number. Pixel values are those of sRGB, 0 to
255 (grey levels), not linear light.
"""

from __future__ import annotations

import numpy as np

from prettyuseful.aesthetics.planes import GREY_LEVEL, LUMA, Planes, deviation, mean

BORDER = 8
"""The border ring of an image is as wide as its sides divided by this number."""
PLAIN = 2.55
"""Grey levels per pixel, 1% of the range: a pixel with a smaller gradient is plain."""


def colourfulness(image: Planes) -> float:
    """Return the colourfulness M3 of Hasler and Süsstrunk (2003, "Measuring colourfulness in natural images").

    It is 0 for a grey image, about 33 for a "moderately colourful" and 82 for a "highly colourful" one.
    """
    mean_rg, spread_rg = image.moments((1, -1, 0))
    mean_yb, spread_yb = (value / 2 for value in image.moments((1, 1, -2)))
    return float(np.hypot(spread_rg, spread_yb) + 0.3 * np.hypot(mean_rg, mean_yb))


def contrast(image: Planes) -> float:
    """Return the RMS contrast (Peli 1990): the standard deviation of the luma in fractions of the range, 0 to 0.5."""
    return image.moments(LUMA)[1] / (255 * GREY_LEVEL)


def sharpness(image: Planes) -> float:
    """Return the standard deviation of the Laplacian of the luma, in grey levels.

    Its square is the "variance of the Laplacian" (Pech-Pacheco et al. 2000; LAPV in Pertuz et al. 2013). It is 0 for an
    image with a side below 3 pixels.
    """
    return deviation(image.laplacian) / GREY_LEVEL if image.laplacian.size else 0.0


def saturation(image: Planes) -> float:
    """Return the mean saturation of HSV, (max - min) / max of the channels, 0 to 1; 0 for black (Datta et al. 2006)."""
    red, green, blue = image.bytes
    highest, lowest = np.maximum(red, green), np.minimum(red, green)
    np.maximum(highest, blue, out=highest)
    np.minimum(lowest, blue, out=lowest)
    shares: np.ndarray = np.subtract(highest, lowest, out=lowest).astype(np.float32)
    highest |= highest == 0  # at least 1; `np.maximum` with a number is ten times slower
    shares /= highest.astype(np.float32)
    return mean(shares)


def exposure(image: Planes) -> float:
    """Return the mean luma in fractions of the range, 0 to 1 ("exposure of light", Datta et al. 2006, feature 1)."""
    return image.moments(LUMA)[0] / (255 * GREY_LEVEL)


def centre_bias(image: Planes) -> float:
    """Return the share of the squared gradients in the middle half of both sides, divided by its share of the area.

    1 if edges are spread evenly or if there are none, more if they lie in the centre, 0 to 4.
    """
    energy = image.gradient_energy
    rows, columns = (slice(side // 4, side - side // 4) for side in energy.shape)
    centre = energy[rows, columns]
    if not centre.size or not (total := mean(energy)):
        return 1.0
    return mean(centre) / total


def plainness(image: Planes) -> float:
    """Return the share of pixels in the border ring with a gradient below 1% of the range per pixel, 0 to 1.

    The ring is one eighth of either side wide. An image with a side below 3 pixels is plain: 1.
    """
    energy = image.gradient_energy
    if not energy.size:
        return 1.0
    height, width = energy.shape
    down, across = -(-height // BORDER), -(-width // BORDER)  # at least one pixel
    plain = energy < np.float32(PLAIN**2)
    inner = plain[down : height - down, across : width - across]
    ring = plain.size - inner.size
    return float(np.count_nonzero(plain) - np.count_nonzero(inner)) / ring
