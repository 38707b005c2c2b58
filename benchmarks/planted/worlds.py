"""Sources of real sets and of images without defect that need no download and can be sampled repeatedly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.tasks.photos import BLOCK, CROP, PHOTOGRAPHS, SIDE, load_photograph

Origin = Literal["unseen", "same"]
"""Origin of images without defect: blocks (or images) not in the real set, or other crops of the same blocks."""


class World(Protocol):
    """A randomly sampled real set, and a source of more images of the same distribution."""

    classes: int
    halves: tuple[LabelledImages, LabelledImages]

    def draw(self, origin: Origin, rng: np.random.Generator) -> LabelledImages:
        """Sample as many images per class as the real set has, none of which is in the real set."""

    def test(self, rng: np.random.Generator) -> LabelledImages:
        """Sample test images for a classifier that is trained on images of unseen origin."""


@dataclass(frozen=True)
class _Block:
    """A block of a photograph by row and column, and the numbers of its crops that are in the real set."""

    position: tuple[int, int]
    taken: frozenset[int] = frozenset()


class Photos:
    """The 16 photographs of the task `photos`, with `per_class` crops of 32 px of each.

    `seed` assigns a quarter of the blocks to each half of the real set, and the rest to images of unseen origin.
    """

    classes = len(PHOTOGRAPHS)

    def __init__(self, seed: int, per_class: int = 100) -> None:
        self.per_class = per_class
        rng = np.random.default_rng([seed, 1])
        self._real: list[list[_Block]] = []
        self._unseen: list[list[_Block]] = []
        parts: tuple[list[LabelledImages], list[LabelledImages]] = ([], [])
        for label, photograph in enumerate(PHOTOGRAPHS):
            height, width = load_photograph(photograph).shape[:2]
            blocks = [_Block((r, c)) for r in range(height // BLOCK) for c in range(width // BLOCK)]
            rng.shuffle(blocks)
            quarter = len(blocks) // 4
            self._unseen.append(blocks[2 * quarter :])
            used: list[_Block] = []
            for part, start in zip(parts, (0, quarter), strict=True):
                images, left = _crops(label, blocks[start : start + quarter], self.per_class // 2, rng)
                part.append(images)
                used += left
            self._real.append(used)
        self.halves = (LabelledImages.concatenate(parts[0]), LabelledImages.concatenate(parts[1]))

    def draw(self, origin: Origin, rng: np.random.Generator) -> LabelledImages:
        pool = self._unseen if origin == "unseen" else self._real
        return LabelledImages.concatenate(
            [_crops(label, blocks, self.per_class, rng)[0] for label, blocks in enumerate(pool)]
        )

    def test(self, rng: np.random.Generator) -> LabelledImages:
        return self.draw("same", rng)


class Digits:
    """Handwritten digits of scikit-learn (8 x 8 pixels, 10 classes), upsampled to 32 px and assigned by `seed`."""

    classes = 10
    per_class = 80

    def __init__(self, seed: int) -> None:
        images, labels = _digits()
        rng = np.random.default_rng([seed, 2])
        first, second, rest = [], [], []
        for label in range(self.classes):
            rows = rng.permutation(np.flatnonzero(labels == label))
            first.append(rows[: self.per_class // 2])
            second.append(rows[self.per_class // 2 : self.per_class])
            rest.append(rows[self.per_class :])
        self._images, self._labels, self._rest = images, labels, rest
        self.halves = (self._take(first), self._take(second))

    def draw(self, origin: Origin, rng: np.random.Generator) -> LabelledImages:
        if origin != "unseen":
            raise ValueError("digits have no other crops; use the origin 'unseen'")
        return self._take([rng.permutation(rows)[: self.per_class] for rows in self._rest])

    def test(self, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG002
        return LabelledImages.concatenate(self.halves)

    def _take(self, rows: list[np.ndarray]) -> LabelledImages:
        chosen = np.concatenate(rows)
        return LabelledImages(self._images[chosen], self._labels[chosen], chosen.astype(str))


def _crops(
    label: int, blocks: list[_Block], count: int, rng: np.random.Generator
) -> tuple[LabelledImages, list[_Block]]:
    """Take `count` unused crops, one block after the other; return them and the blocks with their used crops."""
    photograph, free = load_photograph(PHOTOGRAPHS[label]), BLOCK - CROP + 1
    blocks = [blocks[i] for i in rng.permutation(len(blocks))]
    unused = [[int(n) for n in rng.permutation(free * free) if n not in block.taken] for block in blocks]
    images, groups, taken = [], [], [set(block.taken) for block in blocks]
    for i in range(count):
        block, number = i % len(blocks), unused[i % len(blocks)][i // len(blocks)]
        taken[block].add(number)
        (row, column), (down, across) = blocks[block].position, divmod(number, free)
        top, left = row * BLOCK + down, column * BLOCK + across
        crop = Image.fromarray(photograph[top : top + CROP, left : left + CROP])
        images.append(np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        groups.append(f"{label}/{row}-{column}")
    crops = LabelledImages(np.stack(images), np.full(count, label), np.array(groups))
    return crops, [_Block(block.position, frozenset(numbers)) for block, numbers in zip(blocks, taken, strict=True)]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for image in grey]
    return np.repeat(np.stack(large)[..., None], 3, axis=3), digits.target.astype(np.int64)


WORLDS: dict[str, type[Photos] | type[Digits]] = {"photos": Photos, "digits": Digits}
