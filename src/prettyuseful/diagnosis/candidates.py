"""Changes that synthetic images may have gone through: done to real images, they show which comes near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.causes import CAUSES, Cause
from prettyuseful.transforms.base import Formula
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import PatchShuffle, Zoom


@dataclass(frozen=True)
class Family:
    """Changes of one kind, from weak to strong, the cause that they stand for, and what to call one.

    `undo`: of a strength, what takes the change back, where anything does.
    """

    cause: Cause
    strengths: tuple[float, ...]
    make: Callable[[float], Formula]
    words: str
    undo: Callable[[float], Formula | None] = lambda _: None

    def at(self, strength: float) -> Candidate:
        """One of them, its strength rounded to two digits, or to a whole number if all are."""
        whole = all(known == int(known) for known in self.strengths)
        rounded = float(round(strength)) if whole else float(f"{strength:.2g}")
        return Candidate(self, rounded, self.make(rounded))


@dataclass(frozen=True)
class Candidate:
    """A change of known strength."""

    family: Family
    strength: float
    transform: Formula

    @property
    def cause(self) -> Cause:
        """What it stands for."""
        return self.family.cause

    @property
    def words(self) -> str:
        return self.family.words.format(f"{self.strength:g}")

    @property
    def undo(self) -> Formula | None:
        """What takes it back, if anything does."""
        return self.family.undo(self.strength)


def known_changes(side: int) -> tuple[Candidate, ...]:
    """All that are tried on real images whose short side is `side` pixels, in order."""
    return tuple(family.at(strength) for family in families(side) for strength in family.strengths)


def apply_changes(changes: Sequence[Candidate], pixels: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8, after one change after the other."""
    for change in changes:
        pixels = change.transform.apply(pixels)
    return pixels


def families(side: int) -> tuple[Family, ...]:
    """For images whose short side is `side` pixels.

    Lost high frequencies have two families (blur, low resolution), for VAEs and up-scalers do either. Lost texture:
    faint detail goes and edges stay, as in waxy pictures.
    """
    pixels = (0.4, 0.6, 0.8, 1.1, 1.5, 2.2, *(wide for wide in (3.5, 6.0) if wide <= side / 20))
    return (
        Family(
            CAUSES["high-frequencies lost"],
            pixels,
            lambda s: Blur(width=s / side),
            "blur of {} px (standard deviation)",
        ),
        Family(
            CAUSES["high-frequencies lost"],
            (0.8, 0.65, 0.5, 0.4, 0.3),
            lambda f: LowResolution(factor=f),
            "{} times the resolution",
        ),
        Family(
            CAUSES["high-frequencies added"],
            (0.01, 0.02, 0.035, 0.06, 0.1, 0.18),
            lambda s: Noise(deviation=s),
            "noise of {} of the range",
        ),
        Family(CAUSES["high-frequencies added"], (0.5, 1.0, 2.0, 4.0), lambda a: Sharpen(amount=a), "sharpened by {}"),
        Family(
            CAUSES["texture lost"],
            (0.015, 0.03, 0.06, 0.12),
            lambda c: Smooth(contrast=c),
            "detail fainter than {} of the range smoothed away",
        ),
        Family(
            CAUSES["texture added"], (85, 65, 45, 30, 18, 10, 5), lambda q: Jpeg(quality=int(q)), "JPEG of quality {}"
        ),
        Family(
            CAUSES["structure lost"],
            (2, 4, 8),
            lambda n: PatchShuffle(grid=int(n)),
            "patches of a {0} x {0} grid shuffled",
        ),
        Family(CAUSES["colour-contrast lost"], (0.9, 0.8, 0.65, 0.5, 0.35), _contrast, "contrast x {}", _less_contrast),
        Family(CAUSES["colour-contrast added"], (1.1, 1.25, 1.5, 2.0), _contrast, "contrast x {}", _less_contrast),
        Family(
            CAUSES["colour-contrast lost"],
            (0.85, 0.65, 0.4, 0.2, 0.0),
            _saturation,
            "saturation x {}",
            _less_saturation,
        ),
        Family(CAUSES["colour-contrast added"], (1.2, 1.5, 2.0, 3.0), _saturation, "saturation x {}", _less_saturation),
        Family(
            CAUSES["colour-contrast added"],
            (-90, -50, -25, -12, 12, 25, 50, 90, 180),
            lambda h: Colour(hue=h),
            "hue turned by {} degrees",
            lambda h: Colour(hue=-h),
        ),
        Family(
            CAUSES["colour-contrast added"],
            (0.06, 0.15, 0.3),
            _brighter,
            "brightness raised by {} of the range",
            lambda o: _brighter(-o),
        ),
        Family(
            CAUSES["colour-contrast lost"],
            (0.06, 0.15, 0.3),
            lambda o: _brighter(-o),
            "brightness lowered by {} of the range",
            _brighter,
        ),
        Family(
            CAUSES["scale-position added"], (1.1, 1.25, 1.45, 1.75, 2.2), lambda f: Zoom(factor=f), "enlarged {} times"
        ),
        Family(CAUSES["scale-position lost"], (0.85, 0.7, 0.5), lambda f: Zoom(factor=f), "shrunk to {}"),
    )


_GREY = 0.1  # saturation below which there is nothing to bring back


def _contrast(factor: float) -> Formula:
    return ColourShift(contrast=factor)


def _less_contrast(factor: float) -> Formula:
    return ColourShift(contrast=1 / factor)


def _saturation(factor: float) -> Formula:
    return Colour(saturation=factor)


def _less_saturation(factor: float) -> Formula | None:
    return Colour(saturation=1 / factor) if factor > _GREY else None


def _brighter(by: float) -> Formula:
    return ColourShift(shift=(by, by, by))
