"""Worlds without download in which real sets can be drawn again and again, and sets that are not damaged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.images import Labelled
from prettyuseful.tasks.photos import BLOCK, CROP, PHOTOGRAPHS, SIDE, load_photograph

Origin = Literal["unseen", "same"]
"""Undamaged images: of blocks (or images) that the real set does not have, or other crops of the same blocks."""


class World(Protocol):
    """One real set, drawn by chance, and where more of the same comes from."""

    classes: int
    halves: tuple[Labelled, Labelled]

    def draw(self, origin: Origin, rng: np.random.Generator) -> Labelled:
        """As many images per class as the real set has; none of them is in it."""

    def test(self, rng: np.random.Generator) -> Labelled:
        """Images to test a classifier on that has been trained on undamaged ones of unseen origin."""


@dataclass(frozen=True)
class _Block:
    """A block of a photograph, and the crops (by number) that the real set has taken of it."""

    place: tuple[int, int]
    taken: frozenset[int] = frozenset()


class Photos:
    """The 16 photographs of the task `photos`, `per_class` crops of 32 px of each.

    Blocks are dealt out anew by `seed`: a quarter to either half of the real set, the rest to sets of unseen origin.
    """

    classes = len(PHOTOGRAPHS)

    def __init__(self, seed: int, per_class: int = 100) -> None:
        self.per_class = per_class
        rng = np.random.default_rng([seed, 1])
        self._real: list[list[_Block]] = []
        self._unseen: list[list[_Block]] = []
        parts: tuple[list[Labelled], list[Labelled]] = ([], [])
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
        self.halves = (Labelled.joined(parts[0]), Labelled.joined(parts[1]))

    def draw(self, origin: Origin, rng: np.random.Generator) -> Labelled:
        pool = self._unseen if origin == "unseen" else self._real
        return Labelled.joined([_crops(label, blocks, self.per_class, rng)[0] for label, blocks in enumerate(pool)])

    def test(self, rng: np.random.Generator) -> Labelled:
        return self.draw("same", rng)


class Digits:
    """scikit-learn's handwritten digits (8 x 8 pixels, 10 classes), enlarged to 32 px, dealt out anew by `seed`."""

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

    def draw(self, origin: Origin, rng: np.random.Generator) -> Labelled:
        if origin != "unseen":
            raise ValueError("a digit was written once: there are no other crops of it")
        return self._take([rng.permutation(rows)[: self.per_class] for rows in self._rest])

    def test(self, rng: np.random.Generator) -> Labelled:  # noqa: ARG002
        return Labelled.joined(self.halves)

    def _take(self, rows: list[np.ndarray]) -> Labelled:
        chosen = np.concatenate(rows)
        return Labelled(self._images[chosen], self._labels[chosen], chosen.astype(str))


def _crops(label: int, blocks: list[_Block], count: int, rng: np.random.Generator) -> tuple[Labelled, list[_Block]]:
    """`count` crops, block after block, none that is taken; and the blocks with what is taken now."""
    photograph, free = load_photograph(PHOTOGRAPHS[label]), BLOCK - CROP + 1
    blocks = [blocks[i] for i in rng.permutation(len(blocks))]
    offers = [[int(n) for n in rng.permutation(free * free) if n not in block.taken] for block in blocks]
    images, groups, taken = [], [], [set(block.taken) for block in blocks]
    for i in range(count):
        block, number = i % len(blocks), offers[i % len(blocks)][i // len(blocks)]
        taken[block].add(number)
        (row, column), (down, across) = blocks[block].place, divmod(number, free)
        top, left = row * BLOCK + down, column * BLOCK + across
        crop = Image.fromarray(photograph[top : top + CROP, left : left + CROP])
        images.append(np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        groups.append(f"{label}/{row}-{column}")
    found = Labelled(np.stack(images), np.full(count, label), np.array(groups))
    return found, [_Block(block.place, frozenset(seen)) for block, seen in zip(blocks, taken, strict=True)]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = np.rint(found.images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in grey]
    return np.repeat(np.stack(large)[..., None], 3, axis=3), found.target.astype(np.int64)


WORLDS: dict[str, type[Photos] | type[Digits]] = {"photos": Photos, "digits": Digits}
