"""Find generated images that show nothing: black images of a safety checker or an overflow, and other colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prettyuseful.formatting import share

MIN_CONTRAST = 1.0
"""Standard deviation in grey levels; an image with less in every colour channel is without contrast."""
MAX_BLANK_SHARE = 0.05
"""The largest share of the images of a generated data set that may show nothing; one image may always. With more, it is
refused."""
_SIDE = 256  # pixels that are compared in each direction


def has_contrast(pixels: np.ndarray) -> bool:
    """Return whether an image shows anything. `pixels`: (H, W, 3) uint8."""
    rows, columns = (-(-side // _SIDE) for side in pixels.shape[:2])
    return bool(pixels[::rows, ::columns].std(axis=(0, 1)).max() >= MIN_CONTRAST)


def blank_problem(images: int, blank: int, examples: Sequence[str], not_finite: int, dtype: str | None) -> str:
    """Return how many images of a data set show nothing, which, and what to do.

    Args:
        images: number of images.
        blank: number of those that show nothing.
        examples: paths of the first of these.
        not_finite: how many of them are black because their values were NaN or infinite.
        dtype: the number format in which they were sampled; None for a user-defined generator.
    """
    kinds = []
    if not_finite:
        kinds.append(f"{not_finite:,} held values that are not finite (NaN or infinite) in {dtype}")
    if blank > not_finite:
        kinds.append(f"{blank - not_finite:,} have one colour")
    named = ", ".join(examples) + (f" and {blank - len(examples):,} more" if blank > len(examples) else "")
    if dtype is None:
        advice = "mend the generator, or change the prompts"
    elif dtype == "float32":
        advice = "change the prompts or the sampling settings"
    else:
        advice = "set another number format, such as numerics: {dtype: bfloat16} or float32, or change the prompts"
    return (
        f"{blank:,} of {images:,} images ({share(blank / images)}) show nothing, more than the allowed "
        f"{share(MAX_BLANK_SHARE, 0)}: {' and '.join(kinds)} ({named}); {advice}"
    )
