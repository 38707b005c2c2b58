"""A tiny image distribution that needs no network: eight classes of smooth 16 px patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.features import Extractor
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes

CLASSES, SIDE, PER_CLASS = 8, 16, 14
NAMES = tuple(f"class {label}" for label in range(CLASSES))


def smooth(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return random colours of a coarse grid, upsampled to (SIDE, SIDE, 3) float."""
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8))
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)


PATTERNS = [smooth(np.random.default_rng([0, label]), 4) for label in range(CLASSES)]


def draw(seed: int, per_class: int = PER_CLASS) -> LabelledImages:
    """Draw images: the pattern of the class plus random variation and fine detail; each image is a group."""
    rng = np.random.default_rng([1, seed])
    labels = np.repeat(np.arange(CLASSES), per_class)
    images = [
        0.55 * PATTERNS[label] + 0.3 * smooth(rng, 5) + 0.15 * smooth(rng, 12) + rng.normal(0, 4, (SIDE, SIDE, 3))
        for label in labels
    ]
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return LabelledImages(pixels, labels, np.array([f"{seed}/{i}" for i in range(len(labels))]))


def changed(images: LabelledImages, change: Callable[[np.ndarray], np.ndarray]) -> LabelledImages:
    return LabelledImages(change(images.pixels), images.labels, images.groups)


def extractor_of(images: LabelledImages) -> Extractor:
    """Return means over a 4 x 4 grid as features, and distances to the class means of `images` as logits."""

    def features_of(pixels: np.ndarray) -> np.ndarray:
        cells = pixels.reshape(len(pixels), 4, SIDE // 4, 4, SIDE // 4, 3).mean(axis=(2, 4)) / 255
        return np.asarray(cells.reshape(len(pixels), -1))

    means = np.stack([features_of(images.pixels[images.labels == label]).mean(axis=0) for label in range(CLASSES)])

    def extract(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features = features_of(pixels)
        squared = ((features[:, None] - means[None]) ** 2).sum(axis=2)
        return features, -20 * squared

    return extract


def extracted_half(images: LabelledImages, other: LabelledImages) -> ExtractedHalf:
    extractor = extractor_of(other)
    return ExtractedHalf(images, extractor, list(extract_after_changes(images, extractor)))


def reference_of(first: LabelledImages, second: LabelledImages) -> Reference:
    return Reference(extracted_half(first, second), extracted_half(second, first), CLASSES)
