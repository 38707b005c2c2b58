"""How small a change of pixels a diagnosis would have found, from changes that are planted into real images.

Some real images are compared with other real images after each candidate change, as a data set would be. No features
are computed for this: the reference has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.causes import Cause
from prettyuseful.diagnosis.change_search import ALPHA, MIN_EXPLAINED, MIN_GAIN
from prettyuseful.diagnosis.comparison import explained_share
from prettyuseful.diagnosis.distances import damp
from prettyuseful.diagnosis.features import Sample, ScaledFeatures
from prettyuseful.diagnosis.findings import Detectable
from prettyuseful.diagnosis.half import Half
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.signflip import critical_value
from prettyuseful.engine.keys import derive_seed

POWER = 0.8
"""Share of cases in which a detectable change is found."""
_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Planting:
    """Real images that are compared with other real images, in which a change is planted.

    `real` and `others`: rows of each unit, in `half` and in `source`. Both halves are the same, or have one encoder.
    """

    half: Half
    source: Half
    real: Sequence[np.ndarray]
    others: Sequence[np.ndarray]

    def distance(self, real: ScaledFeatures, others: ScaledFeatures) -> np.ndarray:
        """Return the distance (units,) of the real images from the others; features are those of all images."""
        moved = self.half.rescale(others, self.source)
        return np.array(
            [
                self.half.unit_distance(unit, Sample.from_features(real.take(a)), Sample.from_features(moved.take(b)))
                for unit, (a, b) in enumerate(zip(self.real, self.others, strict=True))
            ]
        )


@dataclass(frozen=True)
class PlantedChange:
    """A candidate change that was planted into real images.

    Attributes:
        found: share of cases in which it is found, 0-1.
        size: distance of the changed images from other real images, in units of noise.
    """

    change: Candidate
    found: float
    size: float


def smallest_detectable(reference: Reference) -> tuple[Detectable, ...]:
    """Return, for each cause, the smallest of its candidate changes that would be found in 80% of cases."""
    by_cause: dict[Cause, list[PlantedChange]] = {}
    for planted in plant_changes(reference):
        by_cause.setdefault(planted.change.cause, []).append(planted)
    return tuple(
        Detectable(id=cause.id, direction=cause.direction, like=_smallest(planted))
        for cause, planted in by_cause.items()
    )


def _smallest(planted: Sequence[PlantedChange]) -> str:
    found = [entry for entry in planted if entry.found >= POWER]
    return min(found, key=lambda entry: entry.size).change.words if found else ""


def plant_changes(reference: Reference) -> Iterator[PlantedChange]:
    """Plant each candidate change into real images; yield nothing if a unit has too few images.

    A change is found if its gain is significant after the correction for all candidates, and if the gain and the
    explained share are large enough. Cases are bootstrap samples of units.
    """
    plantings = list(_plantings(reference))
    if not plantings:
        return
    critical = float(np.mean([_critical_value(planting, reference) for planting in plantings]))
    for change in reference.change_features:
        found, size = [], []
        for planting in plantings:
            before, after = _distances(planting, reference, change)
            found.append(_found_share(before, after, critical, reference.halves.between_classes))
            size.append(before.mean())
        yield PlantedChange(change, float(np.mean(found)), float(np.mean(size)))


def _plantings(reference: Reference) -> Iterator[Planting]:
    halves = list(reference.halves)
    if reference.pooled is not None:
        for half, source in (halves, halves[::-1]):
            yield Planting(half, source, half.real.units, source.real.units)
        return
    for half in halves:
        parts = {unit: (first, second) for unit, first, second in half.splits()}
        if len(parts) == len(half.real.units):  # else a unit cannot be divided
            first, second = zip(*(parts[unit] for unit in sorted(parts)), strict=True)
            yield Planting(half, half, first, second)


def _critical_value(planting: Planting, reference: Reference) -> float:
    """Return the critical value of the test of all candidates, from images without a change."""
    index = list(reference.halves).index(planting.half)
    unchanged, others = planting.half.real.features, planting.source.real.features
    before = damp(planting.distance(unchanged, others))
    gains = [before - damp(planting.distance(pair[index], others)) for pair in reference.change_features.values()]
    return critical_value(np.array(gains), ALPHA)


def _distances(planting: Planting, reference: Reference, candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of unchanged and of changed real images from others after the same change, (units,) each."""
    halves, pair = list(reference.halves), reference.change_features[candidate]
    others = pair[halves.index(planting.source)]
    before = planting.distance(planting.half.real.features, others)
    return before, planting.distance(pair[halves.index(planting.half)], others)


def _found_share(before: np.ndarray, after: np.ndarray, critical: float, between_classes: float) -> float:
    """Return the share of bootstrap samples of units in which a change is found."""
    rng = np.random.default_rng(derive_seed("planted changes"))
    rows = rng.integers(len(before), size=(_RESAMPLES, len(before)))
    gains = (damp(before) - damp(after))[rows]
    statistic = gains.sum(axis=1) / np.maximum(np.sqrt((gains**2).sum(axis=1)), 1e-12)
    large = ((before - after)[rows].mean(axis=1) / between_classes) > MIN_GAIN
    explained = np.array([explained_share(after[row], before[row]) for row in rows]) > MIN_EXPLAINED
    return float(((statistic >= critical) & large & explained).mean())
