"""A tiny world without a network: eight classes of smooth 16 px patterns, drawn again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.features import Extractor
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes

CLASSES, SIDE, PER_CLASS = 8, 16, 14
NAMES = tuple(f"class {label}" for label in range(CLASSES))


def smooth(rng: np.random.Generator, cells: int) -> np.ndarray:
    """(SIDE, SIDE, 3) float: random colours of a coarse grid, enlarged."""
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8))
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)


PATTERNS = [smooth(np.random.default_rng([0, label]), 4) for label in range(CLASSES)]


def draw(seed: int, per_class: int = PER_CLASS) -> Labelled:
    """Every image is its class's pattern with variations and fine detail of its own, and a group of its own."""
    rng = np.random.default_rng([1, seed])
    labels = np.repeat(np.arange(CLASSES), per_class)
    images = [
        0.55 * PATTERNS[label] + 0.3 * smooth(rng, 5) + 0.15 * smooth(rng, 12) + rng.normal(0, 4, (SIDE, SIDE, 3))
        for label in labels
    ]
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return Labelled(pixels, labels, np.array([f"{seed}/{i}" for i in range(len(labels))]))


def changed(images: Labelled, change: Callable[[np.ndarray], np.ndarray]) -> Labelled:
    return Labelled(change(images.pixels), images.labels, images.groups)


def extractor_of(images: Labelled) -> Extractor:
    """Means over a 4 x 4 grid as features; logits by the distance from the mean of every class of `images`."""

    def features_of(pixels: np.ndarray) -> np.ndarray:
        cells = pixels.reshape(len(pixels), 4, SIDE // 4, 4, SIDE // 4, 3).mean(axis=(2, 4)) / 255
        return np.asarray(cells.reshape(len(pixels), -1))

    means = np.stack([features_of(images.pixels[images.labels == label]).mean(axis=0) for label in range(CLASSES)])

    def extract(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features = features_of(pixels)
        away = ((features[:, None] - means[None]) ** 2).sum(axis=2)
        return features, -20 * away

    return extract


def extracted_half(images: Labelled, other: Labelled) -> ExtractedHalf:
    extractor = extractor_of(other)
    return ExtractedHalf(images, extractor, list(extract_after_changes(images, extractor)))


def reference_of(one: Labelled, two: Labelled) -> Reference:
    return Reference(extracted_half(one, two), extracted_half(two, one), CLASSES)
