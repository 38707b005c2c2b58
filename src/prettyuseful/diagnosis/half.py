"""Half of the real images, as a classifier sees them that was trained on the other half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.distances import energy, mean_within
from prettyuseful.diagnosis.images import Labelled, shared_out
from prettyuseful.errors import DataError

Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""What a classifier says of (N, H, W, 3) uint8 images: penultimate features (N, d) and logits (N, classes)."""

KINDS = ("features", "colour", "spectrum", "texture")
"""What images are compared by."""

_MOST_AXES = 128  # of features; more cost time and tell nothing of a few dozen images a class
_NOTHING = 1e-9  # instead of a spread of zero: images that are all alike
_SPLITS = 8  # of a unit into two, to see how far apart real images are from real images


@dataclass(frozen=True)
class Looked:
    """What is known of images before anything is compared: `features` (N, d) and `logits` (N, classes) of a classifier,
    and what `describe` says of them."""

    features: np.ndarray
    logits: np.ndarray
    described: Mapping[str, np.ndarray]

    @classmethod
    def at(cls, look: Look, pixels: np.ndarray) -> Looked:
        """(N, H, W, 3) uint8 images."""
        return cls(*look(pixels), describe(pixels))


@dataclass(frozen=True)
class Seen:
    """Images as a half sees them: by kind, (N, d) in within-class standard deviations; and `logits` (N, classes)."""

    kinds: dict[str, np.ndarray]
    logits: np.ndarray

    def towards(self, other: Seen, share: float) -> Seen:
        """These images, each moved by a share, 0-1, of its way to the other."""
        kinds = {kind: (1 - share) * self.kinds[kind] + share * other.kinds[kind] for kind in KINDS}
        return Seen(kinds, (1 - share) * self.logits + share * other.logits)

    def moved(self, before: Seen, after: Seen) -> Seen:
        """These images, each moved as another one moved: two changes, one on the other, as far as they add up."""
        kinds = {kind: self.kinds[kind] + after.kinds[kind] - before.kinds[kind] for kind in KINDS}
        return Seen(kinds, self.logits + after.logits - before.logits)


class Half:
    """Real `images` that `look`'s classifier has not seen, cut into `units` (rows of each), and what it says of them.

    Everything is measured in this half's own spread: features in standard deviations within classes, distances in the
    standard deviation that the distance of real images from real images has over units (`noise`).
    """

    def __init__(self, images: Labelled, units: Sequence[np.ndarray], look: Look, looked: Looked) -> None:
        self.images, self.units, self.look = images, units, look
        self._axes = _main_axes(looked.features.astype(np.float64))
        self._spread = {kind: _within_deviation(of, images.labels) for kind, of in self._by_kind(looked).items()}
        self.seen = self.see(looked)
        self.within = self.means_within(self.seen, units)

    def see(self, looked: Looked) -> Seen:
        """In this half's spreads."""
        kinds = {kind: values / self._spread[kind] for kind, values in self._by_kind(looked).items()}
        return Seen(kinds, looked.logits.astype(np.float64))

    def means_within(self, seen: Seen, units: Sequence[np.ndarray]) -> np.ndarray:
        """(units, kinds): mean distance between two images of a unit."""
        found = np.array([[mean_within(seen.kinds[kind][rows]) for kind in KINDS] for rows in units])
        return np.asarray(np.maximum(found, _NOTHING))

    def apart(
        self, mine: Seen, within_mine: np.ndarray, other: Seen, within_other: np.ndarray, units: Sequence[np.ndarray]
    ) -> np.ndarray:
        """(units, kinds): energy distance of this half's images (changed or not) from others, in its noise."""
        found = [
            [
                energy(mine.kinds[kind][rows], other.kinds[kind][theirs], within_mine[u, k], within_other[u, k])
                for k, kind in enumerate(KINDS)
            ]
            for u, (rows, theirs) in enumerate(zip(self.units, units, strict=True))
        ]
        return np.asarray(np.array(found) / self.within / self.noise)

    @cached_property
    def noise(self) -> np.ndarray:
        """(kinds,): standard deviation of the energy distance between two parts of a unit, relative to its spread."""
        found = [self._relative(u, one, two) for u, one, two in self.splits()]
        if not found:
            raise DataError(
                "the real images of every class come from one group, so nothing tells how much real images differ "
                "from each other; take images from more sources, or check the groups"
            )
        return np.asarray(np.maximum(np.sqrt(np.mean(np.square(found), axis=0)), _NOTHING))

    def splits(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Units, each cut several times into two parts that share no group."""
        for u, rows in enumerate(self.units):
            for split in range(_SPLITS):
                part = shared_out(self.images.groups[rows], 2, f"split {split}")
                if min((part == 0).sum(), (part == 1).sum()) > 1:
                    yield u, rows[part == 0], rows[part == 1]

    def _relative(self, unit: int, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        found = []
        for k, kind in enumerate(KINDS):
            a, b = self.seen.kinds[kind][one], self.seen.kinds[kind][two]
            found.append(energy(a, b, mean_within(a), mean_within(b)) / self.within[unit, k])
        return np.array(found)

    def _by_kind(self, looked: Looked) -> dict[str, np.ndarray]:
        wide = looked.features.astype(np.float64)
        return {"features": wide if self._axes is None else wide @ self._axes, **looked.described}


def _within_deviation(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(d,): standard deviation of every dimension within classes. One that is constant keeps its scale."""
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, index, values)
    deviation = (values - (means / counts[:, None])[index]).std(axis=0)
    largest = deviation.max(initial=0.0)
    return np.asarray(np.where(deviation > 1e-3 * largest, deviation, max(1e-3 * largest, 1e-12)))


def _main_axes(features: np.ndarray) -> np.ndarray | None:
    """(d, 128): the main axes of features (N, d) that are wider than that; None if they are not."""
    if features.shape[1] <= _MOST_AXES:
        return None
    axes: np.ndarray = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2][:_MOST_AXES].T
    return axes
