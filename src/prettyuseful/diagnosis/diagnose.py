"""The diagnosis: does a set of images differ from real ones, by what causes, and which comes first."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.causes import CAUSES, Cause
from prettyuseful.diagnosis.comparison import Comparison, explained_share
from prettyuseful.diagnosis.distances import damped
from prettyuseful.diagnosis.features import KINDS
from prettyuseful.diagnosis.findings import Diagnosis, FoundCause, TriedChange
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.set_causes import SET_CAUSES, Evidence, MatchedComparison
from prettyuseful.diagnosis.signflip import adjusted_p, mean_interval, outliers_p, sign_p
from prettyuseful.diagnosis.undoing import ALPHA, Fit, Undoing, undo_changes

FEW_ALPHA, FEW_LEAST = 0.002, 4
"""One class among many stands out by chance sooner than all of them: less chance, and so many times the effect."""
FEW_OF = 6
"""In fewer classes than that, none stands out."""
_CLASS_SPREAD = 2  # times the least effect: what a class varies by where its cause measures no spread of its own


def diagnose(reference: Reference, synthetic: Labelled) -> Diagnosis:
    """What makes a set differ from real images.

    Changes of pixels are found by doing them to real images (`undoing`), one on the other; then labels, copies and
    coverage are measured against real images after the same changes, which leaves those three alone. Every cause is
    tested over units, classes or parts of them, by flipping signs, all in one test.

    Args:
        synthetic: squares of the size that the reference has, labels as there.

    Raises:
        DataError: too few images of a class.
    """
    return Examination(reference, synthetic).diagnosis


class Examination:
    """The steps of a diagnosis, each done once, and what examples are shown of."""

    def __init__(self, reference: Reference, synthetic: Labelled) -> None:
        self.reference, self.synthetic = reference, synthetic
        self.comparison = Comparison(reference, synthetic)

    @cached_property
    def undoing(self) -> Undoing:
        """Changes that the images have gone through, as far as they are significant."""
        return undo_changes(self.comparison)

    @cached_property
    def matched(self) -> MatchedComparison:
        """Against real images after the same changes."""
        return MatchedComparison(self.comparison, self.undoing)

    @cached_property
    def set_evidence(self) -> dict[str, Evidence]:
        """Labels, copies and coverage, by the names of their rows."""
        return {name: measure(self.matched, CAUSES[name]) for name, measure in SET_CAUSES.items()}

    @property
    def droppable_images(self) -> dict[str, np.ndarray]:
        """(N,) bool: which synthetic images show a cause, by the ids of those whose images can be dropped."""
        shown = {one.cause.id: one.images for one in self.set_evidence.values() if one.cause.drop}
        return {cause: images for cause, images in shown.items() if images is not None}

    @cached_property
    def diagnosis(self) -> Diagnosis:
        of_set = list(self.set_evidence.values())
        of_changes = [self._evidence(fit) for fit in self.undoing.first.fits]
        p_values = adjusted_p(np.array([evidence.tested for evidence in (*of_set, *of_changes)]))
        of_each = dict(zip((*of_set, *of_changes), p_values.tolist(), strict=True))
        causes = [self._set_cause(evidence, of_each[evidence]) for evidence in of_set]
        causes += self._change_causes({evidence: of_each[evidence] for evidence in of_changes})
        ranked = sorted(causes, key=lambda cause: (not cause.named, -cause.explained, cause.p_adjusted))
        mean, low, high = mean_interval(self.comparison.whole)
        p_value = sign_p(self.reference.excess_distance(self.comparison.features))
        return Diagnosis(
            causes=tuple(ranked),
            difference=mean,
            low=low,
            high=high,
            p_value=p_value,
            differs=p_value < ALPHA or any(cause.named for cause in causes),
            tried=self._tried(of_changes),
            by_kind=self._by_kind(),
        )

    def _tried(self, of_changes: list[Evidence]) -> tuple[TriedChange, ...]:
        shares = {evidence.candidate: evidence.explained for evidence in of_changes}
        return tuple(
            TriedChange(
                cause=change.cause.id, direction=change.cause.direction, like=change.words, explained=shares[change]
            )
            for change in self.reference.changed
        )

    def _by_kind(self) -> dict[str, tuple[float, float]]:
        """By what images are compared by: their distance from real ones, and from real ones after the changes."""
        halves, ours = self.reference.halves, self.comparison.features
        before, after = (halves.energy_distance_by_kind(real, ours) for real in (halves.real, self.matched.real))
        return {kind: (float(before[k]), float(after[k])) for k, kind in enumerate(KINDS)}

    def _evidence(self, fit: Fit) -> Evidence:
        whole = self.comparison.whole
        return Evidence(
            cause=fit.candidate.cause,
            effect=whole - fit.rest,
            tested=damped(whole) - damped(fit.rest),
            explained=explained_share(fit.rest, whole),
            candidate=fit.candidate,
        )

    def _set_cause(self, evidence: Evidence, p_value: float) -> FoundCause:
        """Named if all classes together show it, or a few of them stand out."""
        least = evidence.cause.least_effect
        assert least is not None, f"the row of {evidence.cause.name} has no least_effect"
        size = np.abs(evidence.effect) * np.sign(evidence.tested)
        few = np.zeros(self.reference.classes, bool)
        if len(few) >= FEW_OF:
            spread = _CLASS_SPREAD * least if evidence.spread is None else evidence.spread
            alone = outliers_p(self.comparison.by_class(evidence.tested / spread), least=0.5)
            few = (alone < FEW_ALPHA) & (self.comparison.by_class(size) > FEW_LEAST * least)
            if few.any():
                p_value = min(p_value, float(alone.min()) * len(SET_CAUSES))
        named = bool((p_value < ALPHA and size.mean() > least) or few.any())
        found = self._found(evidence, p_value, named)
        return found.model_copy(update={"few_classes": tuple(np.flatnonzero(few).tolist())})

    def _change_causes(self, p_values: dict[Evidence, float]) -> list[FoundCause]:
        """The best of every cause and direction when tried first; of those that were kept, as they were kept.

        `p_values`: of every change alone, the best first.
        """
        found: dict[Cause, FoundCause] = {}
        for evidence, p_value in p_values.items():
            found.setdefault(evidence.cause, self._found(evidence, p_value, named=False))
        for number, one in enumerate(self.undoing.kept):
            whole, cause = self.comparison.whole, one.fit.candidate.cause
            before, after = (explained_share(rest, whole) for rest in (one.round.whole, one.fit.rest))
            gain = one.round.whole - one.fit.rest
            evidence = Evidence(cause, gain, gain, max(0.0, after - before), candidate=one.fit.candidate)
            p_value = found[cause].p_adjusted if number == 0 else one.round.p_value
            kept = self._found(evidence, p_value, named=True)
            found[cause] = kept.model_copy(update={"equivalent_to": one.round.ties()})
        return list(found.values())

    def _found(self, evidence: Evidence, p_value: float, named: bool) -> FoundCause:
        mean, low, high = mean_interval(evidence.effect)
        change = evidence.candidate
        undo = change.undo if change else None
        return FoundCause(
            id=evidence.cause.id,
            direction=evidence.cause.direction,
            effect=mean,
            low=low,
            high=high,
            p_adjusted=p_value,
            explained=evidence.explained,
            named=named,
            like=change.words if change else "",
            equivalent_to=(),
            per_class=tuple(self.comparison.by_class(evidence.effect).tolist()),
            few_classes=(),
            transform=change.transform.model_dump(mode="json") if change else None,
            undo=undo.model_dump(mode="json") if undo else None,
        )
