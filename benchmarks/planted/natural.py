"""Real sets of natural images, read from a folder with one folder per class."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from planted.worlds import Origin
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.transforms.degradation import Jpeg

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class Folder:
    """Images of a folder of class folders: `per_class` of each class are the real set, the others are unseen.

    `seed` assigns the images. Every image is a group of its own, so there are no images of the same origin.

    Attributes:
        names: names of the classes, by label.
        disjoint: number of data sets that `draw_block` samples without a common image.

    Args:
        path: contains `<class>/<image>` or `<split>/<class>/<image>`. Images of one class in several splits are pooled.
        seed: determines which images are in which half.
        per_class: images per class of the real set and of a data set.
        side: side of all images in pixels, after a crop of the central square.
        jpeg: quality at which all images are saved, or None.

    Raises:
        ValueError: a class has fewer than `2 * per_class` images.
    """

    def __init__(self, path: Path, seed: int, per_class: int, side: int = 32, jpeg: int | None = None) -> None:
        pixels, labels, self.names = read_folder(path, side)
        self.classes, self.per_class, self._jpeg = len(self.names), per_class, jpeg
        self._pixels, self._labels = pixels, labels
        counts = np.bincount(labels, minlength=self.classes)
        if counts.min() < 2 * per_class:
            raise ValueError(
                f"class {self.names[counts.argmin()]} of {path} has {counts.min()} images, and {per_class} per class "
                f"need {2 * per_class}; use a smaller --per-class"
            )
        rng = np.random.default_rng([seed, 5])
        rows = [rng.permutation(np.flatnonzero(labels == label)) for label in range(self.classes)]
        half = per_class // 2
        self.halves = (self._take([r[:half] for r in rows]), self._take([r[half:per_class] for r in rows]))
        self._unseen = [r[per_class:] for r in rows]
        self.disjoint = int(counts.min()) // per_class - 1

    def draw(self, origin: Origin, rng: np.random.Generator) -> LabelledImages:
        """Sample `per_class` unseen images of each class.

        Raises:
            ValueError: another origin than "unseen".
        """
        if origin != "unseen":
            raise ValueError("images of a folder have no other crops; use the origin 'unseen'")
        return self._take([rng.permutation(rows)[: self.per_class] for rows in self._unseen])

    def draw_block(self, number: int) -> LabelledImages:
        """Return one of the `disjoint` data sets of unseen images that have no image in common."""
        start = number * self.per_class
        return self._take([rows[start : start + self.per_class] for rows in self._unseen])

    def test(self, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG002
        return LabelledImages.concatenate(self.halves)

    def _take(self, rows: Sequence[np.ndarray]) -> LabelledImages:
        chosen = np.concatenate(rows)
        pixels = self._pixels[chosen]
        if self._jpeg:
            pixels = Jpeg(quality=self._jpeg).apply(pixels)
        return LabelledImages(pixels, self._labels[chosen], chosen.astype(str))


@lru_cache(maxsize=2)
def read_folder(path: Path, side: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the images (N, side, side, 3) uint8 of a folder, their labels (N,) and the names of the classes.

    The central square is resized by Pillow's anti-aliased bicubic filter. The result is kept as a file in the folder
    for temporary files, because decoding photographs takes long.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise FileNotFoundError(f"{path} contains no class folders with images")
    names = tuple(sorted({file.parent.name for file in files}))
    labels = np.array([names.index(file.parent.name) for file in files], np.int64)
    listing = "\n".join(f"{file.relative_to(path)} {file.stat().st_size}" for file in files)
    key = hashlib.sha256(f"{path.resolve()}\n{side}\n{listing}".encode()).hexdigest()[:16]
    cached = Path(tempfile.gettempdir()) / f"prettyuseful-natural-{key}.npy"
    if cached.is_file():
        return np.load(cached), labels, names
    pixels = np.stack([_read_square(file, side) for file in files])
    with tempfile.NamedTemporaryFile(dir=cached.parent, suffix=".npy", delete=False) as part:
        np.save(part, pixels)
    Path(part.name).replace(cached)  # another process never reads half a file
    return pixels, labels, names


def _read_square(file: Path, side: int) -> np.ndarray:
    with Image.open(file) as image:
        width, height = image.size
        short = min(width, height)
        left, top = (width - short) // 2, (height - short) // 2
        square = image.convert("RGB").crop((left, top, left + short, top + short))
    return np.asarray(square if short == side else square.resize((side, side), Image.Resampling.BICUBIC))
