"""The diagnosis: does a set of images differ from real ones, by what causes, and which comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.causes import Cause, CauseId, Diagnosis, Direction, Tried
from prettyuseful.diagnosis.copies import near_by_chance, near_copies
from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.distances import energy, mean_within
from prettyuseful.diagnosis.half import KINDS, Half, Looked, Seen
from prettyuseful.diagnosis.images import Labelled, some_groups, units_of
from prettyuseful.diagnosis.labels import suspects, taken_for
from prettyuseful.diagnosis.reference import Reference, crowding, through
from prettyuseful.diagnosis.signflip import adjusted_p, mean_interval, outliers_p, sign_p
from prettyuseful.diagnosis.undoing import Fit, Pair, apart, between, explained, fits, softened
from prettyuseful.engine.keys import derive_seed

ALPHA = 0.05
LEAST_EXPLAINED = 0.2
"""A change of real images that undoes less of the difference is not worth a name."""
LEAST_GAIN = 1.0
"""Nor one that brings real images nearer by less, in standard deviations of real against real."""
LEAST_OF_SET = {"labels": 0.05, "copies": 0.05, "coverage": 0.1}
"""Smallest effects that are named: shares of images, and of coverage a logarithm of distance."""
FEW_ALPHA, FEW_LEAST = 0.002, 4
"""One class among many stands out by chance sooner than all of them: less chance, and so many times the effect."""
FEW_OF = 6
"""In fewer classes than that, none stands out."""
_MOST_CHANGES = 3
_DRAWS = 4  # of as many synthetic images as a half has, to compare crowding


def diagnose(reference: Reference, synthetic: Labelled) -> Diagnosis:
    """What holds a set back.

    Changes of pixels are found by doing them to real images (`undoing`), one on the other; then labels, copies and
    coverage are measured against real images that have gone through the same changes, which leaves those three alone.
    Every cause is tested over units, classes or parts of them, by flipping signs, all in one test.

    Args:
        synthetic: squares of the size that the reference has, labels as there.

    Raises:
        DataError: too few images of a class.
    """
    return Examination(reference, synthetic).diagnosis()


@dataclass(frozen=True)
class _Finding:
    """A cause before the test: its effect by unit, and what is tested, above 0 where the cause is at work."""

    cause: CauseId
    direction: Direction
    effect: np.ndarray
    tested: np.ndarray
    explained: float
    candidate: Candidate | None = None


class Examination:
    """What `diagnose` looks at, one thing after the other, and what is remembered of it to show examples."""

    def __init__(self, reference: Reference, synthetic: Labelled) -> None:
        self.reference, self.halves, self.synthetic = reference, reference.halves, synthetic
        self.units = units_of(synthetic, reference.classes, reference.parts, "the synthetic images")
        described = describe(synthetic.pixels)
        one, two = (half.see(Looked(*half.look(synthetic.pixels), described)) for half in self.halves)
        self.seen = Pair.of(self.halves, (one, two), self.units)
        self.whole = apart(self.halves, reference.plain, self.seen, self.units)

    def diagnosis(self) -> Diagnosis:
        rounds = self._rounds
        of_sets = self._of_sets()
        of_changes = [self._change(fit) for fit in rounds[0].fits]
        findings = [*of_sets, *of_changes]
        p_values = adjusted_p(np.array([finding.tested for finding in findings]))
        causes = [self._set_cause(finding, p) for finding, p in zip(of_sets, p_values, strict=False)]
        causes += self._change_causes(of_changes, p_values[len(of_sets) :], rounds)
        ranked = sorted(causes, key=lambda cause: (not cause.named, -cause.explained, cause.p_adjusted))
        mean, low, high = mean_interval(self.whole)
        p_value = sign_p(self.reference.beyond_real(self.seen, self.units))
        differs = p_value < ALPHA or any(cause.named for cause in causes)
        shares = {finding.candidate: finding.explained for finding in of_changes}
        tried = tuple(Tried(c.cause, c.direction, c.words, shares[c]) for c in self.reference.changed)
        return Diagnosis(tuple(ranked), mean, low, high, p_value, differs, tried, self._by_kind())

    @cached_property
    def _rounds(self) -> list[_Round]:
        """Changes of real images are tried, the best is kept and others are tried on top, until none is clear.

        What every round but the last has kept is a change that the images have gone through.
        """
        base, rest, rounds = self.reference.plain, self.whole, list[_Round]()
        while True:
            chosen = [one.kept for one in rounds]
            used = {fit.candidate.cause for fit in chosen}
            tried = {c: seen for c, seen in self.reference.changed.items() if c.cause not in used}
            found = _Round(rest, fits(self.halves, base, tried, self.seen, self.units))
            rounds.append(found)
            if not found.clear or len(chosen) == _MOST_CHANGES:
                return rounds
            best = found.best.candidate
            refined = between(self.halves, base, tried, best, self.seen, self.units)
            options = []
            for candidate in dict.fromkeys((best, refined)):
                after = self.reference.passed([*(fit.candidate for fit in chosen), candidate])
                options.append((after, Fit(candidate, apart(self.halves, after, self.seen, self.units))))
            base, found.kept = min(options, key=lambda option: softened(option[1].rest).mean())
            rest = found.kept.rest

    @cached_property
    def changes(self) -> tuple[Candidate, ...]:
        """What the images have gone through, as far as it is clear, the first first."""
        return tuple(one.kept.candidate for one in self._rounds[:-1])

    @cached_property
    def matched(self) -> Pair:
        """Real images that have gone through the same."""
        return self.reference.passed(self.changes)

    @cached_property
    def suspected(self) -> np.ndarray:
        """(N,) bool: labels of synthetic images that look wrong to both halves."""
        one, two = self._suspected
        return np.asarray(one & two)

    @property
    def copied(self) -> np.ndarray:
        """(N,) bool: near-copies of real images."""
        return self._copies[0]

    @cached_property
    def _copies(self) -> tuple[np.ndarray, np.ndarray]:
        """Which synthetic images are near-copies (N,), and by class what share of new images is by chance."""
        real, found, chance = self.real, np.zeros(len(self.synthetic), bool), np.zeros(self.reference.classes)
        pixels = through(self.changes, real.pixels)
        for label in range(self.reference.classes):
            rows, of_class = np.flatnonzero(self.synthetic.labels == label), pixels[real.labels == label]
            found[rows] = near_copies(self.synthetic.pixels[rows], of_class)
            chance[label] = near_by_chance(of_class)
        return found, chance

    @cached_property
    def real(self) -> Labelled:
        """Both halves."""
        one, two = (half.images for half in self.halves)
        return Labelled(
            *(np.concatenate([getattr(one, of), getattr(two, of)]) for of in ("pixels", "labels", "groups"))
        )

    def _by_kind(self) -> dict[str, tuple[float, float]]:
        """By what images are compared by: their distance from real ones, and from real ones that match."""
        found = []
        for base in (self.reference.plain, self.matched):
            away = [
                half.apart(base.seen[i], base.within[i], self.seen.seen[i], self.seen.within[i], self.units)
                for i, half in enumerate(self.halves)
            ]
            found.append(np.mean(away, axis=(0, 1)))
        return {kind: (float(found[0][k]), float(found[1][k])) for k, kind in enumerate(KINDS)}

    def _of_sets(self) -> list[_Finding]:
        """Labels, copies and coverage, against real images that have gone through the same changes."""
        rest = apart(self.halves, self.matched, self.seen, self.units)
        left = 1 - explained(rest, self.whole)
        wrong, cleaned = self._wrong()
        found, chance = self._copies
        copied = _means(found, self.units) - np.repeat(chance, self.reference.parts)
        crowded, narrower = self._crowded()
        return [
            _Finding("labels", "lost", wrong, wrong, explained(cleaned, rest) * left),
            _Finding("copies", "added", copied, copied, 0.0),
            _Finding("coverage", "lost", crowded, -crowded, narrower * left),
        ]

    @cached_property
    def _suspected(self) -> tuple[np.ndarray, np.ndarray]:
        one, two = (
            _suspects(half, real, ours, self.synthetic.labels)
            for half, ours, real in zip(self.halves, self.seen.seen, self.matched.seen, strict=True)
        )
        return one, two

    def _wrong(self) -> tuple[np.ndarray, np.ndarray]:
        """(units,) twice: the share of suspect labels beyond real images', and the distance without the suspects."""
        shares = []
        for half, real, suspected in zip(self.halves, self.matched.seen, self._suspected, strict=True):
            among_real = suspects(real.kinds["features"], real.logits, half.images.labels)
            shares.append(_means(suspected, self.units) - _means(among_real, half.units))
        kept = [rows[~self.suspected[rows]] if (~self.suspected[rows]).sum() > 1 else rows for rows in self.units]
        cleaned = Pair.of(self.halves, self.seen.seen, kept)
        return np.mean(shares, axis=0), apart(self.halves, self.matched, cleaned, kept)

    def _crowded(self) -> tuple[np.ndarray, float]:
        """(units,): logarithm of how far apart images lie, less that of real ones; and what it explains of the rest.

        It explains the part of the energy distance that is there because the images are nearer to each other.
        """
        rng, matched = np.random.default_rng(derive_seed("diagnosis", "crowding")), self.matched
        found, nearer, rest = [], 0.0, 0.0
        for i, half in enumerate(self.halves):
            values = []
            for u, (rows, theirs) in enumerate(zip(half.units, self.units, strict=True)):
                count = min(len(rows), len(theirs))
                draws = [theirs[some_groups(self.synthetic.groups[theirs], count, rng)] for _ in range(_DRAWS)]
                real = rows[some_groups(half.images.groups[rows], count, rng)]
                ours = np.mean([crowding(self.seen.seen[i], draw, half.within[u]) for draw in draws])
                values.append(ours - crowding(matched.seen[i], real, half.within[u]))
            found.append(values)
            nearer += ((matched.within[i] - self.seen.within[i]) / half.within / half.noise).sum()
            away = half.apart(matched.seen[i], matched.within[i], self.seen.seen[i], self.seen.within[i], self.units)
            rest += away.sum()
        return np.mean(found, axis=0), float(np.clip(nearer / rest, 0, 1)) if rest > 0 else 0.0

    def _change(self, fit: Fit) -> _Finding:
        return _Finding(
            fit.candidate.cause,
            fit.candidate.direction,
            self.whole - fit.rest,
            softened(self.whole) - softened(fit.rest),
            explained(fit.rest, self.whole),
            fit.candidate,
        )

    def _set_cause(self, finding: _Finding, p_value: float) -> Cause:
        """Named if all classes together show it, or a few of them stand out."""
        least = LEAST_OF_SET[finding.cause]
        size = np.abs(finding.effect) * np.sign(finding.tested)
        scale = self.reference.crowding_spread if finding.cause == "coverage" else 2 * least
        few = np.zeros(self.reference.classes, bool)
        if len(few) >= FEW_OF:
            alone = outliers_p(self._by_class(finding.tested / scale), least=0.5)
            few = (alone < FEW_ALPHA) & (self._by_class(size) > FEW_LEAST * least)
            if few.any():
                p_value = min(p_value, float(alone.min()) * len(LEAST_OF_SET))
        named = bool((p_value < ALPHA and size.mean() > least) or few.any())
        return replace(self._cause(finding, p_value, named), few_classes=tuple(np.flatnonzero(few).tolist()))

    def _change_causes(self, first: Sequence[_Finding], p_values: np.ndarray, rounds: Sequence[_Round]) -> list[Cause]:
        """The best of every cause and direction when tried first; of those that were kept, as they were kept."""
        found: dict[tuple[CauseId, Direction], Cause] = {}
        for finding, p_value in zip(first, p_values, strict=True):  # the best come first
            found.setdefault((finding.cause, finding.direction), self._cause(finding, float(p_value), False))
        for number, one in enumerate(rounds[:-1]):
            before = explained(one.whole, self.whole)
            finding = replace(
                self._change(one.kept),
                effect=one.whole - one.kept.rest,
                explained=max(0.0, explained(one.kept.rest, self.whole) - before),
            )
            kept = found[finding.cause, finding.direction]
            p_value = kept.p_adjusted if number == 0 else one.p_value
            cause = replace(self._cause(finding, p_value, True), equivalent_to=one.ties())
            found[finding.cause, finding.direction] = cause
        return list(found.values())

    def _cause(self, finding: _Finding, p_value: float, named: bool) -> Cause:
        mean, low, high = mean_interval(finding.effect)
        candidate = finding.candidate
        undo = candidate.family.undo(candidate.strength) if candidate else None
        return Cause(
            id=finding.cause,
            direction=finding.direction,
            effect=mean,
            low=low,
            high=high,
            p_adjusted=float(p_value),
            explained=finding.explained,
            named=named,
            like=candidate.words if candidate else "",
            transform=candidate.transform.model_dump(mode="json") if candidate else None,
            undo=undo.model_dump(mode="json") if undo else None,
            per_class=tuple(self._by_class(finding.effect).tolist()),
        )

    def _by_class(self, of_units: np.ndarray) -> np.ndarray:
        return np.asarray(np.asarray(of_units, float).reshape(self.reference.classes, -1).mean(axis=1))


class _Round:
    """All candidates tried on what is left of the difference, (units,) `whole`; the best fit first.

    `kept`: the best, its strength refined.
    """

    kept: Fit

    def __init__(self, whole: np.ndarray, found: Sequence[Fit]) -> None:
        self.whole, self.fits = whole, sorted(found, key=lambda fit: softened(fit.rest).mean())

    @property
    def best(self) -> Fit:
        return self.fits[0]

    @cached_property
    def p_value(self) -> float:
        """Of the best, adjusted for all that were tried."""
        gains = np.array([softened(self.whole) - softened(fit.rest) for fit in self.fits])
        return float(adjusted_p(gains)[0])

    @property
    def clear(self) -> bool:
        """The best one surely explains something, and enough to be worth a name."""
        gain = float((self.whole - self.best.rest).mean())
        enough = explained(self.best.rest, self.whole) > LEAST_EXPLAINED and gain > LEAST_GAIN
        return enough and self.p_value < ALPHA

    def ties(self) -> tuple[CauseId, ...]:
        """Causes whose best fit leaves no clearly larger distance than the best of all."""
        others: dict[CauseId, Fit] = {}
        for fit in self.fits:
            if fit.candidate.cause != self.best.candidate.cause:
                others.setdefault(fit.candidate.cause, fit)
        least = softened(self.best.rest)
        return tuple(cause for cause, fit in others.items() if sign_p(softened(fit.rest) - least) >= ALPHA)


def _suspects(half: Half, real: Seen, ours: Seen, labels: np.ndarray) -> np.ndarray:
    """(N,) bool: labels that are probably wrong, one by one or for most of a class.

    A whole class is suspect only if its images lie nearer to the other class in everything they are compared by.
    """
    found = suspects(ours.kinds["features"], ours.logits, labels)
    for label, (other, rows) in taken_for(ours.logits, labels).items():
        if len(rows) > 1 and all(
            _energy_of_class(half, real, other, ours.kinds[kind][rows], kind)
            < _energy_of_class(half, real, label, ours.kinds[kind][rows], kind)
            for kind in KINDS
        ):
            found[rows] = True
    return found


def _energy_of_class(half: Half, real: Seen, label: int, images: np.ndarray, kind: str) -> float:
    of_class = real.kinds[kind][half.images.labels == label]
    return energy(of_class, images, mean_within(of_class), mean_within(images))


def _means(values: np.ndarray, units: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([values[rows].mean() for rows in units])
