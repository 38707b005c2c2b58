"""Checks of the images of one set: contrast, size, orientation, transparency, depth, profiles, frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prettyuseful.checks.base import Hit
from prettyuseful.checks.image_set import ImageSet, Sets
from prettyuseful.checks.words import count_of, paths_of, verb
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.formatting import share

_BLACK, _WHITE = 8, 247  # grey levels
_ODD_SIZE = 3.0  # times the median, or a third of it
_ODD_ASPECT = 2.0  # times the median
_LONG = 2.5  # long side over short side that is never odd below


def without_contrast(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        mask = ~images.table.has_contrast
        if mask.any():
            level = images.table.brightness[mask]
            black, white = int((level < _BLACK).sum()), int((level > _WHITE).sum())
            kinds = {"black": black, "white": white, "of one other colour": int(mask.sum()) - black - white}
            parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
            yield _hit(images, mask, "has no contrast", "have no contrast", parts)


def not_finite(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        if count := images.not_finite:
            what = verb(count, "is black, because its values were", "are black, because their values were")
            words = f"{count_of(count, images)} {what} not finite (NaN or infinite)."
            yield Hit(images.name, count, len(images), words)


def unreadable(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        problems = images.table.unreadable
        if problems:
            total = len(images) + len(problems)
            words = f"{len(problems):,} of {total:,} {images.title} ({share(len(problems) / total)}) cannot be read."
            yield Hit(images.name, len(problems), total, words, tuple(map(printable, problems)))


def odd_sizes(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        short = np.minimum(images.table.widths, images.table.heights)
        if len(short):
            median = float(np.median(short))
            mask = (short * _ODD_SIZE < median) | (short > _ODD_SIZE * median)
            detail = f"short sides of {short.min()} to {short.max()} px, median {median:.0f} px"
            yield from _hits(
                images, mask, "is much smaller or larger than most", "are much smaller or larger than most", detail
            )


def odd_aspect_ratios(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        if len(images):
            aspect = images.table.widths / images.table.heights
            median = float(np.median(aspect))
            far = np.maximum(aspect / median, median / aspect) > _ODD_ASPECT
            mask = far & (np.maximum(aspect, 1 / aspect) > _LONG)
            detail = f"training and tests use the middle; the median of width over height is {median:.2f}"
            yield from _hits(
                images, mask, "is much longer or narrower than most", "are much longer or narrower than most", detail
            )


def orientation_tags(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        mask = images.table.orientations > 1
        yield from _hits(images, mask, "has an EXIF tag that turns it", "have an EXIF tag that turns them")


def transparent(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        mask = images.table.transparent
        yield from _hits(images, mask, "is transparent in parts", "are transparent in parts", "shown on white")


def scaled(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        ranges = np.array(images.table.scaled, object)
        mask = ranges != ""
        detail = "mapped to 8 bits from " + "; ".join(sorted(set(ranges[mask]))[:3])
        yield from _hits(images, mask, "has 16 or 32 bits per channel", "have 16 or 32 bits per channel", detail)


def colour_profiles(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        mask = images.table.profiles
        yield from _hits(
            images,
            mask,
            "has a colour profile other than sRGB",
            "have a colour profile other than sRGB",
            "converted to sRGB",
        )


def several_frames(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        mask = images.table.frames > 1
        yield from _hits(
            images, mask, "has several frames or pages", "have several frames or pages", "the first is used"
        )


def _hits(images: ImageSet, mask: np.ndarray, singular: str, plural: str, detail: str = "") -> Iterator[Hit]:
    if mask.any():
        yield _hit(images, mask, singular, plural, detail)


def _hit(images: ImageSet, mask: np.ndarray, singular: str, plural: str, detail: str) -> Hit:
    rows = np.flatnonzero(mask)
    what = verb(len(rows), singular, plural)
    words = f"{count_of(len(rows), images)} {what}{f': {detail}' if detail else ''}."
    return Hit(images.name, len(rows), len(images), words, paths_of(images, rows))
