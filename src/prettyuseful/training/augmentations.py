"""Settings of data augmentation. This module does not import torch, because planning a study needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Change = Literal["grayscale", "solarize", "blur"]
CHANGES: tuple[Change, ...] = ("grayscale", "solarize", "blur")


@dataclass(frozen=True)
class SmallAugmentation:
    """Augmentation of small images: the central square is shifted, flipped and jittered.

    `size`: side of the square in pixels. `shift`: largest shift in pixels, with a reflected border. `flip`: mirror half
    of the images. `jitter`: largest relative change of brightness and contrast.
    """

    size: int
    shift: int
    flip: bool
    jitter: float
    kind: Literal["nudge"] = "nudge"


@dataclass(frozen=True)
class Augmentation:
    """A random crop, one change, colour jitter, flips and CutMix. The defaults are those of the paper.

    `size`: side of the result in pixels. `scale`: range of the crop area as a fraction of the image area, before the
    crop is resized to `size`; None crops `size` x `size` pixels without resizing. `ratio`: range of the aspect ratio
    (width / height) of a resized crop. `one_of`: one of these changes is applied to each image. `sigma`: range of the
    standard deviation of the blur in pixels. `jitter`: largest relative change of brightness, contrast and saturation,
    in a random order for each image. `flips`: each flip is applied to half of the images. `cutmix`: alpha of the Beta
    distribution of the area that an image keeps; 0 disables CutMix.
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
