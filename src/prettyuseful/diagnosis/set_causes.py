"""Causes that are measured on the whole data set: labels, copies, repeats, blanks and coverage.

The synthetic images are compared with real images after the selected changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, apply_changes
from prettyuseful.diagnosis.causes import Cause
from prettyuseful.diagnosis.change_search import ALPHA
from prettyuseful.diagnosis.comparison import Comparison, explained_share
from prettyuseful.diagnosis.copies import chance_duplicate_rate, nearest_real
from prettyuseful.diagnosis.features import Sample, ScaledFeatures, UnitFeatures
from prettyuseful.diagnosis.half import Half, UnitPair
from prettyuseful.diagnosis.images import MIN_IMAGES, LabelledImages, sample_groups
from prettyuseful.diagnosis.label_errors import confused_classes, recognised_images, suspect_labels
from prettyuseful.diagnosis.neighbour_distance import log_neighbour_distances
from prettyuseful.diagnosis.repeats import find_set_repeats
from prettyuseful.engine.keys import derive_seed
from prettyuseful.generators.contrast import has_contrast

LEAST_RECOGNISED = 0.2
"""Smallest share of real images that classifiers must recognise for a judgement of labels."""
_CLEAR = 0.15  # score of an image that is clearly nearer to another one than the threshold
_DRAWS = 4  # subsamples of the synthetic images, each as large as the unit of real images


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured for a cause, before any test.

    Attributes:
        effect: (units,) the effect, in the unit of its cause.
        statistic: (units,) the tested statistic; above 0 where the cause is present.
        explained: share of the whole difference that the cause explains, 0-1.
        deviation: (units,) how much the statistic varies among real images, or None if not measured.
        images: (N,) bool, the synthetic images that show the cause, or None if single images do not.
        scores: (N,) how clearly each image shows the cause, 0-1, or None.
        others: (N,) for each image that shows the cause, the row of the real image (for copies) or of the synthetic
            image (for repeats) that it resembles, or None.
        real_share: share of real images that would be among `images`, or None if unknown.
        candidate: the change of real images that imitates the cause, or None.
        remaining: (units,) distance that remains once the cause is removed from the images, or None if it explains
            none of the difference.
        unjudged_classes: labels of the classes in which these images cannot show the cause.
    """

    cause: Cause
    effect: np.ndarray
    statistic: np.ndarray
    explained: float
    deviation: np.ndarray | None = None
    images: np.ndarray | None = None
    scores: np.ndarray | None = None
    others: np.ndarray | None = None
    real_share: float | None = None
    candidate: Candidate | None = None
    remaining: np.ndarray | None = None
    unjudged_classes: tuple[int, ...] = ()


class NotJudgeable(Exception):  # noqa: N818
    """These images cannot show a cause; the message is the reason in words."""


class MatchedComparison:
    """Synthetic images compared with real images after the same changes.

    Matching the changes first prevents a blur from being reported as wrong labels or as narrow coverage.

    Attributes:
        changes: the selected changes.
        real: the real images after these changes.
        remaining: (units,) distance from these real images.
        remaining_share: share of the initial distance that remains, 0-1.
    """

    def __init__(self, comparison: Comparison, changes: Sequence[Candidate], real: UnitPair) -> None:
        self.comparison, self.changes, self.real = comparison, changes, real
        self.reference, self.synthetic = comparison.reference, comparison.synthetic
        self.remaining = comparison.distance(self.real)
        self.remaining_share = 1 - explained_share(self.remaining, comparison.initial)

    @cached_property
    def real_images(self) -> LabelledImages:
        """The real images of both halves after the changes."""
        images = self.reference.halves.images
        return replace(images, pixels=apply_changes(self.changes, images.pixels, images.labels))

    def distance_without(self, images: np.ndarray, real: UnitPair) -> np.ndarray:
        """Return the distance (units,) from `real` without the synthetic images of a mask (N,).

        A unit that would have less than two images keeps them all.
        """
        kept = [rows[~images[rows]] if (~images[rows]).sum() > 1 else rows for rows in self.comparison.units]
        first, second = (UnitFeatures.split(synthetic.features, kept) for synthetic in self.comparison.features)
        return self.reference.halves.energy_distance(real, (first, second))

    def share_of_images(self, images: np.ndarray) -> float:
        """Return the share of the difference, 0-1, that disappears without the synthetic images of a mask (N,).

        Real images are unchanged, because a few images that are repeated can look as if they were changed. Without a
        significant difference there is nothing to explain.
        """
        if self.comparison.p_value >= ALPHA:
            return 0.0
        remaining = self.distance_without(images, self.reference.halves.real)
        return explained_share(remaining, self.comparison.initial)

    def check_images(self) -> None:
        """Check that every unit has enough images to compare single images with each other.

        Raises:
            NotJudgeable: a unit has too few.
        """
        sides: tuple[tuple[str, list[Sequence[np.ndarray]]], ...] = (
            ("real images", [half.real.units for half in self.reference.halves]),
            ("images", [self.comparison.units]),
        )
        for name, units in sides:
            if min(len(rows) for side in units for rows in side) < MIN_IMAGES:
                per_class = MIN_IMAGES * self.reference.parts * len(units)
                raise NotJudgeable(f"this needs about {per_class} {name} per class")

    @property
    def halves(self) -> list[tuple[Half, UnitFeatures, UnitFeatures]]:
        """Each half, its real images after the changes, and the synthetic images in its scale."""
        return list(zip(self.reference.halves, self.real, self.comparison.features, strict=True))


def measure_labels(matched: MatchedComparison, cause: Cause) -> Evidence:
    """Measure the share of suspect labels, less the share among real images.

    An image counts only if its label is suspect in both halves, and a unit only if it has such an image. Not every
    wrong label is found: `recognised` is the share of real images that both classifiers recognise with confidence, and
    so the share of wrong labels that would be found. The effect is divided by it. The cause explains the distance that
    disappears when these images are left out.

    Raises:
        NotJudgeable: a few images per class, or a classifier that recognises too few real images.
    """
    matched.check_images()
    labels, units = matched.synthetic.labels, matched.comparison.units
    masks, shares, real_shares = [], [], []
    for half, real, synthetic in matched.halves:
        suspect = _suspect_labels(half, real.features, synthetic.features, labels)
        suspect_real = suspect_labels(real.features.kinds["features"], real.features.logits, half.images.labels)
        shares.append(_unit_means(suspect, units) - _unit_means(suspect_real, half.real.units))
        masks.append(suspect)
        real_shares.append(suspect_real.mean())
    images = np.logical_and(*masks)
    by_class = np.mean([_recognised_shares(half, real) for half, real, _ in matched.halves], axis=0)
    recognised = float(by_class.mean())
    if recognised < LEAST_RECOGNISED:
        raise NotJudgeable(
            f"classifiers recognise {recognised:.0%} of real images with confidence and this needs "
            f"{LEAST_RECOGNISED:.0%}, so most wrong labels would not be found"
        )
    remaining = matched.distance_without(images, matched.real)
    statistic = np.asarray(np.mean(shares, axis=0))
    without = _unit_means(images, units) == 0
    statistic[without] = statistic[without].clip(max=0)
    explained = explained_share(remaining, matched.remaining) * matched.remaining_share
    real_share = float(np.mean(real_shares))
    effect = np.minimum(statistic / recognised, 1)
    unrecognised = tuple(np.flatnonzero(by_class < LEAST_RECOGNISED).tolist())
    return Evidence(
        cause,
        effect,
        statistic,
        explained,
        images=images,
        real_share=real_share,
        remaining=remaining,
        unjudged_classes=unrecognised,
    )


def measure_copies(matched: MatchedComparison, cause: Cause) -> Evidence:
    """Measure the share of near-duplicates of real images, less the share expected among new real images.

    Near-duplicates explain none of the difference.

    Raises:
        NotJudgeable: a few images per class.
    """
    matched.check_images()
    reference, synthetic, real = matched.reference, matched.synthetic, matched.real_images
    scores, others = np.zeros(len(synthetic)), np.zeros(len(synthetic), np.int64)
    chance = np.zeros(reference.classes)
    for label in range(reference.classes):
        rows, real_rows = np.flatnonzero(synthetic.labels == label), np.flatnonzero(real.labels == label)
        nearest, scores[rows] = nearest_real(synthetic.pixels[rows], real.pixels[real_rows])
        others[rows] = real_rows[nearest]
        chance[label] = chance_duplicate_rate(real.pixels[real_rows])
    images = scores > 0
    effect = _unit_means(images, matched.comparison.units) - np.repeat(chance, reference.parts)
    share = float(chance.mean())
    statistic = clear_excess(effect, scores)
    return Evidence(cause, effect, statistic, 0.0, images=images, scores=scores, others=others, real_share=share)


def measure_repeats(matched: MatchedComparison, cause: Cause) -> Evidence:
    """Measure the share of images that repeat an earlier image of their class, less the share among real images.

    Images without contrast do not count. The cause explains the distance that disappears when repeats are left out.

    Raises:
        NotJudgeable: a few images per class.
    """
    matched.check_images()
    found = find_set_repeats(matched.synthetic, matched.real_images, matched.reference.classes)
    effect = _unit_means(found.rates, matched.comparison.units) - np.repeat(found.real_shares, matched.reference.parts)
    remaining = matched.distance_without(found.mask, matched.real)
    return Evidence(
        cause,
        effect,
        clear_excess(effect, found.scores),
        matched.share_of_images(found.mask),
        images=found.mask,
        scores=found.scores,
        others=found.kept,
        real_share=float(found.real_shares.mean()),
        remaining=remaining,
    )


def measure_blanks(matched: MatchedComparison, cause: Cause) -> Evidence:
    """Measure the share of images without contrast, less the share among real images.

    The cause explains the distance that disappears when these images are left out.
    """
    synthetic, real = matched.synthetic, matched.reference.halves.images
    images, real_images = _blank(synthetic), _blank(real)
    classes = range(matched.reference.classes)
    shares = np.array([real_images[real.labels == label].mean() for label in classes])
    effect = _unit_means(images, matched.comparison.units) - np.repeat(shares, matched.reference.parts)
    return Evidence(
        cause,
        effect,
        effect,
        matched.share_of_images(images),
        images=images,
        scores=images.astype(float),
        real_share=float(shares.mean()),
        remaining=matched.distance_without(images, matched.real),
    )


def measure_coverage(matched: MatchedComparison, cause: Cause) -> Evidence:
    """Measure the mean log nearest-neighbour distance of each unit, less that of real images.

    Images of few modes are closer to each other in every kind of features, and images with another colour or texture in
    one or two. The statistic is therefore taken from the kind that narrows least, and the effect is the mean over
    kinds. The cause explains the part of the energy distance that comes from smaller distances between the synthetic
    images, as far as they are smaller in all kinds.

    Real images are taken with or without the selected changes, whichever are closer to each other: a change that
    spreads real images, such as a higher contrast, would make any synthetic images look too similar.

    Raises:
        NotJudgeable: a few images per class.
    """
    matched.check_images()
    rng = np.random.default_rng(derive_seed("diagnosis", "crowding"))
    groups = matched.synthetic.groups
    effects, narrowing, distance = [], np.zeros(len(matched.remaining)), 0.0
    for half, real, synthetic in matched.halves:
        values = []
        for real_rows, rows, scale in zip(real.units, synthetic.units, half.real.within, strict=True):
            # Nearest-neighbour distances fall with the number of images, so both sides have equally many.
            count = min(len(real_rows), len(rows))
            draws = [rows[sample_groups(groups[rows], count, rng)] for _ in range(_DRAWS)]
            real_draw = real_rows[sample_groups(half.images.groups[real_rows], count, rng)]
            mean = np.mean([log_neighbour_distances(synthetic.features.take(draw), scale) for draw in draws], axis=0)
            of_real = [log_neighbour_distances(u.features.take(real_draw), scale) for u in (half.real, real)]
            values.append(mean - np.minimum(*of_real))
        effects.append(values)
        within = np.minimum(half.real.within, real.within)
        common = np.maximum(1 - synthetic.within / within, 0).min(axis=1, keepdims=True)
        narrowing += (common * within / half.real.within / half.noise).sum(axis=1) / len(matched.halves)
        distance += half.energy_distances(real, synthetic).sum() / len(matched.halves)
    by_kind = np.mean(effects, axis=0)
    explained = float(np.clip(narrowing.sum() / distance, 0, 1)) if distance > 0 else 0.0
    deviation = matched.reference.neighbour_distance_deviation
    return Evidence(
        cause,
        by_kind.mean(axis=1),
        -by_kind.max(axis=1),
        explained * matched.remaining_share,
        deviation=deviation,
        remaining=matched.remaining - narrowing,
    )


SET_CAUSES: Mapping[str, Callable[[MatchedComparison, Cause], Evidence]] = {
    "labels lost": measure_labels,
    "copies added": measure_copies,
    "repeats added": measure_repeats,
    "blank added": measure_blanks,
    "coverage lost": measure_coverage,
}
"""The measurement of each cause that no change of pixels imitates, by the name of its row."""


def _suspect_labels(half: Half, real: ScaledFeatures, synthetic: ScaledFeatures, labels: np.ndarray) -> np.ndarray:
    """Return a mask (N,) of labels that look wrong, for single images or for most of a class.

    A whole class is suspect only if its images are closer to the other class in every kind of features.
    """
    suspect = suspect_labels(synthetic.kinds["features"], synthetic.logits, labels)
    for label, (other, rows) in confused_classes(synthetic.logits, labels).items():
        if len(rows) > 1:
            images = Sample.from_features(synthetic.take(rows))
            same_class, other_class = (
                Sample.from_features(real.take(half.images.labels == real_label)) for real_label in (label, other)
            )
            if (other_class.energy_distances(images) < same_class.energy_distances(images)).all():
                suspect[rows] = True
    return suspect


def _recognised_shares(half: Half, real: UnitFeatures) -> np.ndarray:
    """Return, for each class, the share of its real images that both classifiers of `suspect_labels` recognise."""
    labels, features = half.images.labels, real.features
    recognised = recognised_images(features.kinds["features"], features.logits, labels)
    return np.array([recognised[labels == label].mean() for label in np.unique(labels)])


def clear_excess(effect: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the excess (units,) of near-duplicates, or at most 0 if less than half of it is clear.

    A change that no candidate explains, such as fog, brings all images a little nearer to each other, so that more of
    them fall just below the threshold. Copies and repeats are much nearer.
    """
    return effect if (scores > _CLEAR).mean() >= effect.mean() / 2 else np.minimum(effect, 0)


def _blank(images: LabelledImages) -> np.ndarray:
    return np.array([not has_contrast(image) for image in images.pixels], bool)


def _unit_means(values: np.ndarray, units: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([values[rows].mean() for rows in units])
