"""Changes that synthetic images may have gone through: done to real images, they show which comes near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prettyuseful.diagnosis.causes import CauseId, Direction
from prettyuseful.transforms.base import Formula
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import PatchShuffle, Zoom


@dataclass(frozen=True)
class Candidate:
    """A change of known strength, the cause that it stands for, and what to call it."""

    cause: CauseId
    direction: Direction
    transform: Formula
    words: str


def candidates(side: int) -> tuple[Candidate, ...]:
    """For images whose short side is `side` pixels: families of changes, each from weak to strong.

    Lost high frequencies have two families (blur, low resolution), for VAEs and up-scalers do either. Lost texture:
    faint detail goes and edges stay, as in waxy pictures.
    """
    pixels = [0.4, 0.6, 0.8, 1.1, 1.5, 2.2, *(wide for wide in (3.5, 6.0) if wide <= side / 20)]
    return (
        *_family(
            "high-frequencies", "lost", pixels, lambda s: Blur(width=s / side), "blur of {} px (standard deviation)"
        ),
        *_family(
            "high-frequencies",
            "lost",
            (0.8, 0.65, 0.5, 0.4, 0.3),
            lambda f: LowResolution(factor=f),
            "{} times the resolution",
        ),
        *_family(
            "high-frequencies",
            "added",
            (0.01, 0.02, 0.035, 0.06, 0.1, 0.18),
            lambda s: Noise(deviation=s),
            "noise of {} of the range",
        ),
        *_family("high-frequencies", "added", (0.5, 1.0, 2.0, 4.0), lambda a: Sharpen(amount=a), "sharpened by {}"),
        *_family(
            "texture",
            "lost",
            (0.015, 0.03, 0.06, 0.12),
            lambda c: Smooth(contrast=c),
            "detail fainter than {} of the range smoothed away",
        ),
        *_family("texture", "added", (85, 65, 45, 30, 18, 10, 5), lambda q: Jpeg(quality=int(q)), "JPEG of quality {}"),
        *_family(
            "structure", "lost", (2, 4, 8), lambda n: PatchShuffle(grid=int(n)), "patches of a {0} x {0} grid shuffled"
        ),
        *_family(
            "colour-contrast", "lost", (0.9, 0.8, 0.65, 0.5, 0.35), lambda f: ColourShift(contrast=f), "contrast x {}"
        ),
        *_family("colour-contrast", "added", (1.1, 1.25, 1.5, 2.0), lambda f: ColourShift(contrast=f), "contrast x {}"),
        *_family(
            "colour-contrast", "lost", (0.85, 0.65, 0.4, 0.2, 0.0), lambda f: Colour(saturation=f), "saturation x {}"
        ),
        *_family("colour-contrast", "added", (1.2, 1.5, 2.0, 3.0), lambda f: Colour(saturation=f), "saturation x {}"),
        *_family(
            "colour-contrast",
            "added",
            (-90, -50, -25, -12, 12, 25, 50, 90, 180),
            lambda h: Colour(hue=h),
            "hue turned by {} degrees",
        ),
        *_family(
            "colour-contrast",
            "added",
            (0.06, 0.15, 0.3),
            lambda o: ColourShift(shift=(o, o, o)),
            "brightness raised by {} of the range",
        ),
        *_family(
            "colour-contrast",
            "lost",
            (0.06, 0.15, 0.3),
            lambda o: ColourShift(shift=(-o, -o, -o)),
            "brightness lowered by {} of the range",
        ),
        *_family(
            "scale-position", "added", (1.1, 1.25, 1.45, 1.75, 2.2), lambda f: Zoom(factor=f), "enlarged {} times"
        ),
        *_family("scale-position", "lost", (0.85, 0.7, 0.5), lambda f: Zoom(factor=f), "shrunk to {}"),
    )


def _family(
    cause: CauseId,
    direction: Direction,
    strengths: Sequence[float],
    transform: Callable[[float], Formula],
    words: str,
) -> list[Candidate]:
    return [Candidate(cause, direction, transform(s), words.format(f"{s:g}")) for s in strengths]
