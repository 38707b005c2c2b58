"""Detection of images of a set that repeat each other, by normalised thumbnails, against the rate among real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.copies import RARE, normalised_thumbnails
from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.images import MIN_IMAGES, LabelledImages, sample_groups
from prettyuseful.engine.keys import derive_seed
from prettyuseful.generators.contrast import has_contrast

_DRAWS = 4  # of images from the larger side


@dataclass(frozen=True, eq=False)
class Repeats:
    """Images of one class that repeat an earlier image of the class.

    Attributes:
        mask: (n,) bool, the images that repeat another one. Of each group of repeats, one image is not among them.
        kept: (n,) int, for each image of `mask` the nearest image that is not; its own row for all others.
        score: (n,) how near they are: 1 for identical images, 0 at the threshold and for all others.
    """

    mask: np.ndarray
    kept: np.ndarray
    score: np.ndarray


def pair_distances(images: np.ndarray) -> np.ndarray:
    """Return the distances (N, N) between thumbnails of (N, H, W, 3) uint8 images, mirrored or not.

    The diagonal is infinite.
    """
    originals, mirrored = normalised_thumbnails(images), normalised_thumbnails(images[:, :, ::-1])
    table: np.ndarray = np.minimum(distances(originals, originals), distances(originals, mirrored))
    np.fill_diagonal(table, np.inf)
    return table


def repeat_thresholds(nearest: Sequence[np.ndarray], rare: np.ndarray | float = RARE) -> np.ndarray:
    """Return the distance (classes,) below which two images of a class repeat each other.

    It is a quantile of the distances of real images to their nearest real image. The classes share this quantile, in
    multiples of the median of a class, because the smallest of a few dozen distances says little. Real images that
    repeat each other lower it.

    Args:
        nearest: by class, the distances (m,) of real images to the nearest other real image of the class. The more
            images there are, the smaller are these distances, so both sides of a comparison need equally many.
        rare: share of real images that lie below the threshold, for all classes or by class.
    """
    medians = np.array([np.median(values) for values in nearest])
    relative = np.concatenate([values / max(median, 1e-9) for values, median in zip(nearest, medians, strict=True)])
    return np.asarray(np.quantile(relative, rare) * medians)


def find_repeats(table: np.ndarray, threshold: float) -> Repeats:
    """Find the images that repeat an earlier one, given their distances (n, n) with infinite diagonal.

    The images are visited in order. One that is nearer than `threshold` to a kept image repeats it; others are kept.
    """
    count = len(table)
    mask, nearest, score = np.zeros(count, bool), np.arange(count), np.zeros(count)
    kept: list[int] = []
    for row in range(count):
        if kept and (distance := table[row, kept].min()) < threshold:
            mask[row], nearest[row] = True, kept[int(table[row, kept].argmin())]
            score[row] = 1 - distance / threshold
        else:
            kept.append(row)
    return Repeats(mask, nearest, score)


@dataclass(frozen=True, eq=False)
class SetRepeats:
    """The repeats within N images of several classes.

    Attributes:
        mask: (N,) bool, images that repeat another one, in classes with more repeats than real images have.
        kept: (N,) int, see `Repeats`.
        scores: (N,) see `Repeats`.
        rates: (N,) 0-1, how often each image repeats another one among as many images as there are real ones.
        real_shares: (classes,) share of repeats among equally many real images.
    """

    mask: np.ndarray
    kept: np.ndarray
    scores: np.ndarray
    rates: np.ndarray
    real_shares: np.ndarray


def find_set_repeats(images: LabelledImages, real: LabelledImages, classes: int) -> SetRepeats:
    """Find the images that repeat another image of their class, and the share of such images among real ones.

    Shares are compared between equally many images on both sides: where the sides differ, draws of whole groups are
    taken from the larger one. Images without contrast do not count.

    Args:
        images: the images to search.
        real: real images of the same size and classes.
    """
    rng = np.random.default_rng(derive_seed("diagnosis", "repeats"))
    sides = [[_Side.of_class(side, label) for label in range(classes)] for side in (images, real)]
    counts = [min(map(len, pair)) for pair in zip(*sides, strict=True)]
    draws, real_draws = ([part.draw(count, rng) for part, count in zip(side, counts, strict=True)] for side in sides)
    measured = [label for label in range(classes) if counts[label] >= MIN_IMAGES]
    found = SetRepeats(
        np.zeros(len(images), bool),
        np.arange(len(images)),
        np.zeros(len(images)),
        np.zeros(len(images)),
        np.zeros(classes),
    )
    if not measured:
        return found
    nearest = [_nearest(sides[1][label].table, real_draws[label]) for label in measured]
    # Among n times as many images, a nearest neighbour is n times as likely to be that near by chance.
    rare = np.array([RARE * (counts[label] - 1) / (len(sides[0][label]) - 1) for label in measured])
    thresholds, all_thresholds = repeat_thresholds(nearest), repeat_thresholds(nearest, rare)
    for label, threshold, all_threshold in zip(measured, thresholds, all_thresholds, strict=True):
        part, real_part = sides[0][label], sides[1][label]
        rates = _repeat_rates(part.table, draws[label], threshold)
        drawn_real = np.unique(np.concatenate(real_draws[label]))
        found.real_shares[label] = _repeat_rates(real_part.table, real_draws[label], threshold)[drawn_real].mean()
        drawn = np.unique(np.concatenate(draws[label]))
        found.rates[part.rows] = rates[drawn].mean()  # images that were not drawn
        found.rates[part.rows[drawn]] = rates[drawn]
        repeats = find_repeats(part.table, all_threshold)
        if rates[drawn].mean() > found.real_shares[label]:
            found.mask[part.rows] = repeats.mask
            found.kept[part.rows], found.scores[part.rows] = part.rows[repeats.kept], repeats.score
    return found


@dataclass(frozen=True, eq=False)
class _Side:
    """The images of one class on one side that have contrast: their rows, groups, and distances from each other."""

    rows: np.ndarray
    groups: np.ndarray
    table: np.ndarray

    @classmethod
    def of_class(cls, images: LabelledImages, label: int) -> _Side:
        rows = np.flatnonzero(images.labels == label)
        rows = rows[np.array([has_contrast(image) for image in images.pixels[rows]], bool)]
        table = pair_distances(images.pixels[rows]) if len(rows) else np.empty((0, 0))
        return cls(rows, images.groups[rows], table)

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return draws of `count` images, in order, as positions in `rows`; one of all images if there are no more."""
        if count == len(self):
            return [np.arange(count)]
        return [np.sort(sample_groups(self.groups, count, rng)) for _ in range(_DRAWS)]


def _nearest(table: np.ndarray, draws: Sequence[np.ndarray]) -> np.ndarray:
    """Return the distances to the nearest neighbour within each draw, of all draws together."""
    return np.concatenate([table[np.ix_(draw, draw)].min(axis=1) for draw in draws])


def _repeat_rates(table: np.ndarray, draws: Sequence[np.ndarray], threshold: float) -> np.ndarray:
    """Return in which share of the draws that contain it each image repeats an earlier one; 0 without such a draw."""
    repeated, drawn = np.zeros(len(table)), np.zeros(len(table))
    for draw in draws:
        repeated[draw] += find_repeats(table[np.ix_(draw, draw)], threshold).mask
        drawn[draw] += 1
    return repeated / np.maximum(drawn, 1)
