"""Candidate changes: image operations that are applied to real images to find out which explains a difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from prettyuseful.diagnosis.causes import CAUSES, Cause
from prettyuseful.transforms.base import Formula
from prettyuseful.transforms.colour import ChannelGain, Colour, ColourShift, Posterise
from prettyuseful.transforms.degradation import Blur, BorderBlur, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import Flip, PatchShuffle, Rotate, Stretch, Zoom


class FittedChange(Protocol):
    """A change of images that is fitted to a data set. A study file cannot specify it."""

    def apply(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images after the change, which may depend on their labels (N,)."""


@dataclass(frozen=True)
class Family:
    """Candidate changes of one kind.

    Attributes:
        cause: the cause that these changes imitate.
        strengths: strengths that are tried, from weak to strong.
        make: returns the transform of a given strength.
        words: template of the text that describes a change; `{}` is its strength.
        inverse: returns the transform that reverts a change of a given strength, or None if nothing reverts it.
    """

    cause: Cause
    strengths: tuple[float, ...]
    make: Callable[[float], Formula | FittedChange]
    words: str
    inverse: Callable[[float], Formula | None] = lambda _: None

    @property
    def coarse_strengths(self) -> tuple[float, ...]:
        """Every second strength, the strongest included; all if there are at most two."""
        return self.strengths if len(self.strengths) <= 2 else self.strengths[::-1][::2][::-1]

    def with_strength(self, strength: float) -> Candidate:
        """Return a candidate of this family.

        The strength is rounded to two significant digits, or to an integer if all strengths of the family are integers.
        """
        integers = all(value == int(value) for value in self.strengths)
        rounded = float(round(strength)) if integers else float(f"{strength:.2g}")
        return Candidate(self, rounded, self.make(rounded))


@dataclass(frozen=True)
class Candidate:
    """A candidate change of one strength."""

    family: Family
    strength: float
    transform: Formula | FittedChange

    def apply(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images of the classes `labels` (N,) after the change."""
        if isinstance(self.transform, Formula):
            return self.transform.apply(pixels)
        return self.transform.apply(pixels, labels)

    @property
    def specification(self) -> dict[str, Any] | None:
        """The change as a study file specifies it, or None if it cannot."""
        return self.transform.model_dump(mode="json") if isinstance(self.transform, Formula) else None

    @property
    def cause(self) -> Cause:
        """The cause that this change imitates."""
        return self.family.cause

    @property
    def words(self) -> str:
        """The change in words, such as "blur of 1.1 px (standard deviation)"."""
        return self.family.words.format(f"{self.strength:g}")

    @property
    def inverse(self) -> Formula | None:
        """The transform that reverts this change, or None."""
        return self.family.inverse(self.strength)


def candidate_changes(side: int, coarse: bool = False) -> tuple[Candidate, ...]:
    """Return the candidates for images whose short side is `side` pixels, by family, from weak to strong.

    Args:
        side: in pixels.
        coarse: leave out every second strength of families with more than two; strengths between two candidates are
            interpolated.
    """
    return tuple(
        family.with_strength(strength)
        for family in families(side)
        for strength in (family.coarse_strengths if coarse else family.strengths)
    )


def apply_changes(changes: Sequence[Candidate], pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (N, H, W, 3) uint8 images of the classes `labels` (N,) after all changes, applied in order."""
    for change in changes:
        pixels = change.apply(pixels, labels)
    return pixels


def families(side: int) -> tuple[Family, ...]:
    """Return the families of candidates for images whose short side is `side` pixels.

    Lost high frequencies have two families, blur and low resolution, because VAEs and upscalers cause either.
    """
    blur_widths = (0.4, 0.6, 0.8, 1.1, 1.5, 2.2, *(width for width in (3.5, 6.0) if width <= side / 20))
    return (
        Family(
            CAUSES["high-frequencies lost"],
            blur_widths,
            lambda s: Blur(width=s / side),
            "blur of {} px (standard deviation)",
        ),
        Family(
            CAUSES["high-frequencies lost"],
            (0.8, 0.65, 0.5, 0.4, 0.3),
            lambda f: LowResolution(factor=f),
            "reduction of the resolution to {} times",
        ),
        Family(
            CAUSES["depth-of-field lost"],
            (0.02, 0.04, 0.08),
            lambda w: BorderBlur(width=w),
            "blur around the centre ({} of the short side, standard deviation)",
        ),
        Family(
            CAUSES["high-frequencies added"],
            (0.01, 0.02, 0.035, 0.06, 0.1, 0.18),
            lambda s: Noise(deviation=s),
            "Gaussian noise (standard deviation {} of the value range)",
        ),
        Family(
            CAUSES["high-frequencies added"],
            (0.5, 1.0, 2.0, 4.0),
            lambda a: Sharpen(amount=a),
            "sharpening of strength {}",
        ),
        Family(
            CAUSES["texture lost"],
            (0.015, 0.03, 0.06, 0.12),
            lambda c: Smooth(contrast=c),
            "smoothing of detail with a contrast below {} of the value range",
        ),
        Family(
            CAUSES["texture added"], (85, 65, 45, 30, 18, 10, 5), lambda q: Jpeg(quality=int(q)), "JPEG of quality {}"
        ),
        Family(
            CAUSES["structure lost"],
            (2, 4, 8),
            lambda n: PatchShuffle(grid=int(n)),
            "shuffling of the patches of a {0} x {0} grid",
        ),
        Family(
            CAUSES["colour-contrast lost"],
            (0.9, 0.8, 0.65, 0.5, 0.35),
            _contrast,
            "contrast multiplied by {}",
            _inverse_contrast,
        ),
        Family(
            CAUSES["colour-contrast added"],
            (1.1, 1.25, 1.5, 2.0),
            _contrast,
            "contrast multiplied by {}",
            _inverse_contrast,
        ),
        Family(
            CAUSES["colour-contrast lost"],
            (0.85, 0.65, 0.4, 0.2, 0.0),
            _saturation,
            "saturation multiplied by {}",
            _inverse_saturation,
        ),
        Family(
            CAUSES["colour-contrast added"],
            (1.2, 1.5, 2.0, 3.0),
            _saturation,
            "saturation multiplied by {}",
            _inverse_saturation,
        ),
        Family(
            CAUSES["colour-contrast added"],
            (-90, -50, -25, -12, 12, 25, 50, 90, 180),
            lambda h: Colour(hue=h),
            "hue rotation by {} degrees",
            lambda h: Colour(hue=-h),
        ),
        Family(
            CAUSES["colour-contrast added"],
            (0.06, 0.15, 0.3),
            _brighten,
            "brightness increase by {} of the value range",
            lambda o: _brighten(-o),
        ),
        Family(
            CAUSES["colour-contrast lost"],
            (0.06, 0.15, 0.3),
            lambda o: _brighten(-o),
            "brightness decrease by {} of the value range",
            _brighten,
        ),
        Family(
            CAUSES["colour-cast added"],
            (0.65, 0.8, 0.9, 1.1, 1.25, 1.5),
            _warm,
            "red multiplied by {} and blue divided by it (white balance)",
            lambda g: _warm(1 / g),
        ),
        Family(
            CAUSES["colour-cast added"],
            (0.7, 0.85, 0.93, 1.08, 1.18, 1.4),
            _green,
            "green multiplied by {} and the other channels divided by its root",
            lambda g: _green(1 / g),
        ),
        Family(
            CAUSES["posterised added"], (2, 3, 4, 6, 9, 16), lambda n: Posterise(levels=int(n)), "{} values per channel"
        ),
        *(_rotation(degrees) for degrees in (90, 180, 270)),
        Family(
            CAUSES["orientation added"], (1,), lambda _: _UPSIDE_DOWN, "turning upside down", lambda _: _UPSIDE_DOWN
        ),
        Family(
            CAUSES["aspect added"],
            (0.6, 0.75, 0.87, 1.15, 1.33, 1.67),
            lambda f: Stretch(factor=f),
            "stretching to {} times the width",
        ),
        Family(
            CAUSES["scale-position added"],
            (1.1, 1.25, 1.45, 1.75, 2.2),
            lambda f: Zoom(factor=f),
            "zoom by a factor of {}",
        ),
        Family(CAUSES["scale-position lost"], (0.85, 0.7, 0.5), lambda f: Zoom(factor=f), "zoom by a factor of {}"),
    )


_UPSIDE_DOWN = Flip(axis="vertical")
_GREY = 0.1  # a saturation factor up to this leaves no colour to restore


def _contrast(factor: float) -> Formula:
    return ColourShift(contrast=factor)


def _inverse_contrast(factor: float) -> Formula:
    return ColourShift(contrast=1 / factor)


def _saturation(factor: float) -> Formula:
    return Colour(saturation=factor)


def _inverse_saturation(factor: float) -> Formula | None:
    return Colour(saturation=1 / factor) if factor > _GREY else None


def _warm(gain: float) -> Formula:
    return ChannelGain(gains=(gain, 1.0, 1 / gain))


def _green(gain: float) -> Formula:
    return ChannelGain(gains=(gain**-0.5, gain, gain**-0.5))


def _rotation(degrees: Literal[90, 180, 270]) -> Family:
    """Return a family of one strength, because nothing lies between two right angles."""
    back: dict[int, Literal[90, 180, 270]] = {90: 270, 180: 180, 270: 90}
    return Family(
        CAUSES["orientation added"],
        (degrees,),
        lambda _: Rotate(degrees=degrees),
        "rotation by {} degrees anticlockwise",
        lambda _: Rotate(degrees=back[degrees]),
    )


def _brighten(offset: float) -> Formula:
    return ColourShift(shift=(offset, offset, offset))
