"""Causes that are measured on a set as a whole: labels, copies and coverage, against real images after its changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, apply_changes
from prettyuseful.diagnosis.causes import Cause
from prettyuseful.diagnosis.comparison import Comparison, explained_share
from prettyuseful.diagnosis.copies import near_by_chance, near_copies
from prettyuseful.diagnosis.features import Sample, ScaledFeatures, UnitFeatures
from prettyuseful.diagnosis.half import Half, UnitPair
from prettyuseful.diagnosis.images import some_groups
from prettyuseful.diagnosis.label_errors import suspects, taken_for
from prettyuseful.diagnosis.spread import crowding
from prettyuseful.diagnosis.undoing import Undoing
from prettyuseful.engine.keys import derive_seed

_DRAWS = 4  # of as many synthetic images as a half has, to compare crowding


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured of a cause, before any test.

    `effect` (units,); `tested` (units,): above 0 where the cause is at work; `explained`: share of the whole
    difference, 0-1. `spread` (units,): how much `tested` varies among real images, where it is measured. `images`
    (N,) bool: the synthetic images that show it. `candidate`: the change of real images that stands for it.
    """

    cause: Cause
    effect: np.ndarray
    tested: np.ndarray
    explained: float
    spread: np.ndarray | None = None
    images: np.ndarray | None = None
    candidate: Candidate | None = None


class MatchedComparison:
    """A synthetic set beside `real` images after the same `changes`, as far as these are known.

    So a blur is not taken for wrong labels or too similar images. `rest` (units,): the distance that is left; `left`:
    its share of the whole distance, 0-1.
    """

    def __init__(self, comparison: Comparison, undoing: Undoing) -> None:
        self.comparison, self.changes, self.real = comparison, undoing.changes, undoing.real
        self.reference, self.synthetic = comparison.reference, comparison.synthetic
        self.rest = comparison.distance(self.real)
        self.left = 1 - explained_share(self.rest, comparison.whole)

    @property
    def sides(self) -> list[tuple[Half, UnitFeatures, UnitFeatures]]:
        """Each half, its real images after the changes, and the synthetic images in its scale."""
        return list(zip(self.reference.halves, self.real, self.comparison.features, strict=True))


def wrong_labels(matched: MatchedComparison, cause: Cause) -> Evidence:
    """The share of suspect labels beyond that among real images.

    What they explain is the distance that goes with the images that are suspect to both halves.
    """
    labels, units = matched.synthetic.labels, matched.comparison.units
    of_halves, shares = [], []
    for half, real, ours in matched.sides:
        suspect = _suspects(half, real.features, ours.features, labels)
        among_real = suspects(real.features.kinds["features"], real.features.logits, half.images.labels)
        shares.append(_unit_means(suspect, units) - _unit_means(among_real, half.real.units))
        of_halves.append(suspect)
    images = np.logical_and(*of_halves)
    kept = [rows[~images[rows]] if (~images[rows]).sum() > 1 else rows for rows in units]
    one, two = (UnitFeatures.of(ours.features, kept) for ours in matched.comparison.features)
    cleaned: UnitPair = (one, two)
    rest = matched.reference.halves.energy_distance(matched.real, cleaned)
    effect = np.mean(shares, axis=0)
    return Evidence(cause, effect, effect, explained_share(rest, matched.rest) * matched.left, images=images)


def copied_images(matched: MatchedComparison, cause: Cause) -> Evidence:
    """The share of near-copies of real images beyond that among new real images. It explains no difference."""
    reference, synthetic, real = matched.reference, matched.synthetic, matched.reference.halves.images
    images, chance = np.zeros(len(synthetic), bool), np.zeros(reference.classes)
    pixels = apply_changes(matched.changes, real.pixels)
    for label in range(reference.classes):
        rows, of_class = np.flatnonzero(synthetic.labels == label), pixels[real.labels == label]
        images[rows] = near_copies(synthetic.pixels[rows], of_class)
        chance[label] = near_by_chance(of_class)
    effect = _unit_means(images, matched.comparison.units) - np.repeat(chance, reference.parts)
    return Evidence(cause, effect, effect, 0.0, images=images)


def narrow_coverage(matched: MatchedComparison, cause: Cause) -> Evidence:
    """The logarithm of how far apart the images of a unit lie, less that of real ones.

    It explains the part of the energy distance that is there because the images are nearer to each other.
    """
    rng = np.random.default_rng(derive_seed("diagnosis", "crowding"))
    groups = matched.synthetic.groups
    found, nearer, rest = [], 0.0, 0.0
    for half, real, ours in matched.sides:
        values = []
        for rows, theirs, usual in zip(real.units, ours.units, half.real.within, strict=True):
            count = min(len(rows), len(theirs))
            draws = [theirs[some_groups(groups[theirs], count, rng)] for _ in range(_DRAWS)]
            drawn = rows[some_groups(half.images.groups[rows], count, rng)]
            crowded = np.mean([crowding(ours.features.take(draw), usual) for draw in draws])
            values.append(crowded - crowding(real.features.take(drawn), usual))
        found.append(values)
        nearer += ((real.within - ours.within) / half.real.within / half.noise).sum()
        rest += half.energy_distances(real, ours).sum()
    effect = np.mean(found, axis=0)
    narrower = float(np.clip(nearer / rest, 0, 1)) if rest > 0 else 0.0
    spread = matched.reference.crowding_spread
    return Evidence(cause, effect, -effect, narrower * matched.left, spread=spread)


SET_CAUSES: Mapping[str, Callable[[MatchedComparison, Cause], Evidence]] = {
    "labels lost": wrong_labels,
    "copies added": copied_images,
    "coverage lost": narrow_coverage,
}
"""How each cause that no change of pixels stands for is measured, by the name of its row."""


def _suspects(half: Half, real: ScaledFeatures, ours: ScaledFeatures, labels: np.ndarray) -> np.ndarray:
    """(N,) bool: labels that are probably wrong, one by one or for most of a class.

    A whole class is suspect only if its images lie nearer to the other class in everything they are compared by.
    """
    found = suspects(ours.kinds["features"], ours.logits, labels)
    for label, (other, rows) in taken_for(ours.logits, labels).items():
        if len(rows) > 1:
            images = Sample.of(ours.take(rows))
            own, others = (Sample.of(real.take(half.images.labels == one)) for one in (label, other))
            if (others.energy_distances(images) < own.energy_distances(images)).all():
                found[rows] = True
    return found


def _unit_means(values: np.ndarray, units: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([values[rows].mean() for rows in units])
