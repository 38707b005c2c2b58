"""Flat backgrounds around the content of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.fitted_changes import Pattern, fitted_candidate
from prettyuseful.diagnosis.flat_areas import FLAT_RANGE, MIN_EXCESS, have_one_colour
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.moments import Moments
from prettyuseful.transforms.base import image_generator, to_uint8

_OPAQUE = 0.9  # smallest coverage of a background
_FAINT = 0.1  # coverage that counts as none
_BORDER, _CORNER = 32, 16  # the side of an image is 32 times the width of its border, 16 times the side of a corner


def fit_background(moments: Moments) -> Iterator[Candidate]:
    """Yield a flat background that many more synthetic than real images have.

    Two changes are fitted: one with an edge and a choice of images that vary, and, if all corners are covered in most
    images, one with the same soft edge in all images and one colour per class.
    """
    yield from _fit_varying(moments.real, moments.synthetic)
    yield from _fit_constant(moments)


def _fit_varying(real: LabelledImages, synthetic: LabelledImages) -> Iterator[Candidate]:
    """Yield a background whose edge and colour vary, in a share of the images."""
    flat, colours = _flat_rings(synthetic.pixels)
    expected = float(_flat_rings(real.pixels)[0].mean())
    if flat.mean() - expected >= MIN_EXCESS:
        shares = f"({flat.mean():.0%} of the images, {expected:.0%} of real images)"
        by_class = {int(c): colours[flat & (synthetic.labels == c)] / 255 for c in np.unique(synthetic.labels)}
        by_class = {c: values if len(values) else colours[flat] / 255 for c, values in by_class.items()}
        same = np.abs(synthetic.pixels[flat] - colours[flat][:, None, None]).max(axis=3) <= FLAT_RANGE / 2
        share = float((flat.mean() - expected) / (1 - expected))
        words = f"a flat background, its edge and colour as in single images {shares}"
        yield fitted_candidate("background added", Background(share, same.mean(axis=0), by_class), words)


def _fit_constant(moments: Moments) -> Iterator[Candidate]:
    """Yield a background with the same edge in all images and one colour per class."""
    covered = np.clip(moments.coverage, 0, 1)
    opaque = covered[:, :, 0] > _OPAQUE
    size = max(1, min(opaque.shape) // _CORNER)
    ends = (slice(size), slice(-size, None))
    if not all(opaque[rows, columns].all() for rows in ends for columns in ends):
        return
    sides = (moments.synthetic, moments.real)
    share, expected = (float(have_one_colour(images.pixels[:, opaque]).mean()) for images in sides)
    if share - expected >= MIN_EXCESS:
        class_colours = np.median(moments.class_means[:, opaque], axis=1)
        alpha = np.where(covered > _FAINT, covered, 0)
        spread = float(np.ptp(class_colours[moments.labels], axis=0).max())
        words = "of one colour" if spread < FLAT_RANGE / 255 else "of one colour per class"
        words = f"a flat background {words} ({share:.0%} of the images, {expected:.0%} of real images)"
        yield fitted_candidate("background added", Pattern(alpha, alpha * class_colours[:, None, None, :]), words)


def _flat_rings(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether the border of each image has one colour, (N,) bool, and the median colour (N, 3) of the border."""
    width = max(1, min(pixels.shape[1:3]) // _BORDER)
    ring = np.ones(pixels.shape[1:3], bool)
    ring[width:-width, width:-width] = False
    border = pixels[:, ring]
    return have_one_colour(border), np.median(border, axis=1)


@dataclass(frozen=True, eq=False)
class Background:
    """A flat background around the content of some images.

    The position of its edge, its colour and the choice of images are drawn at random. They depend only on the image.

    Attributes:
        share: share of the images that get the background.
        coverage: (H, W) share of the backgrounds that cover a position.
        colours: colours (n, 3), in fractions of the range, by class.
    """

    share: float
    coverage: np.ndarray
    colours: Mapping[int, np.ndarray]

    def apply(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images, some of them with the background."""
        return np.stack([self._change(image, int(label)) for image, label in zip(images, labels, strict=True)])

    def _change(self, image: np.ndarray, label: int) -> np.ndarray:
        rng = image_generator(image, 0)
        chosen, edge, colours = rng.random() < self.share, rng.random(), self.colours[label]
        colour = colours[rng.integers(len(colours))]
        return np.where((self.coverage > edge)[:, :, None] & chosen, to_uint8(colour), image)
