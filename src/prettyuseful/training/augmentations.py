"""What may happen to a training image, as frozen data: planning a study reads it, so there is no torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Change = Literal["grayscale", "solarize", "blur"]
CHANGES: tuple[Change, ...] = ("grayscale", "solarize", "blur")


@dataclass(frozen=True)
class Nudge:
    """For small images: the middle of `size` x `size` pixels, moved, flipped, and jittered.

    `shift`: by up to so many pixels, with a reflected border. `jitter`: brightness and contrast change by up to this
    fraction.
    """

    size: int
    shift: int
    flip: bool
    jitter: float
    kind: Literal["nudge"] = "nudge"


@dataclass(frozen=True)
class Augmentation:
    """A random crop, one change, colour jitter, flips, CutMix; the defaults are the paper's (protocol, "Training").

    `size`: side of the result in pixels. `scale`: area of the crop as a fraction of the image's, before it is resized
    to `size`; None for a crop of `size` pixels that stays as it is. `ratio`: width by height of a resized crop.
    `one_of`: every image has exactly one of these changes. `sigma`: of the blur, in pixels. `jitter`: brightness,
    contrast and saturation change by up to these fractions, in an order of each image's own. `flips`: each befalls half
    of the images. `cutmix`: alpha of the Beta distribution of the area that an image keeps; 0 for none.
    """

    size: int = 224
    scale: tuple[float, float] | None = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    one_of: tuple[Change, ...] = CHANGES
    sigma: tuple[float, float] = (0.2, 2.0)
    jitter: tuple[float, float, float] = (0.3, 0.3, 0.3)
    flips: tuple[Literal["vertical", "horizontal"], ...] = ("horizontal",)
    cutmix: float = 1.0
    kind: Literal["crop"] = "crop"
