"""The diagnosis of a data set: does it differ from real images, and which causes explain the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.causes import CAUSES, Cause
from prettyuseful.diagnosis.change_search import ALPHA, CandidateFit, ChangeSearch, search_changes
from prettyuseful.diagnosis.comparison import Comparison, explained_share, unexplained_interval
from prettyuseful.diagnosis.distances import damp
from prettyuseful.diagnosis.features import KINDS
from prettyuseful.diagnosis.findings import CauseFinding, ChangeResult, Diagnosis, NextBest, NotJudged, ShareEstimate
from prettyuseful.diagnosis.fixed_patterns import FITTED_CAUSES
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.set_causes import SET_CAUSES, Evidence, MatchedComparison, NotJudgeable
from prettyuseful.diagnosis.signflip import adjusted_p, mean_interval, outliers_p

CLASS_ALPHA, CLASS_MIN_EFFECT = 0.002, 4
"""Significance level for a single class, and its smallest effect in multiples of the cause's `least_effect`.

Both are stricter than for all classes together, because one of many classes more easily stands out by chance.
"""
MIN_CLASSES = 6
"""Smallest number of classes for which single classes are tested."""
_CLASS_DEVIATION = 2  # in multiples of the least effect, for a cause that measures no deviation of its own


def diagnose(reference: Reference, synthetic: LabelledImages) -> Diagnosis:
    """Diagnose why synthetic images differ from real images.

    Causes that change pixels are found by applying candidate changes to the real images (`change_search`). Labels,
    copies and coverage are then measured against real images after the selected changes. All causes are tested together
    by one sign-flip test over units, which are classes or parts of classes.

    Args:
        reference: the real images.
        synthetic: square images of the reference's size, with the reference's labels.

    Raises:
        DataError: a class has too few images.
    """
    return DiagnosisRun(reference, synthetic).diagnosis


class DiagnosisRun:
    """The intermediate results of a diagnosis, each computed once. Example images are chosen from them.

    Args:
        sample: the comparison of some of the images, with which the changes of pixels are searched, since every change
            takes as much time as all the rest; None for all images.
    """

    def __init__(self, reference: Reference, synthetic: LabelledImages, sample: Comparison | None = None) -> None:
        self.reference, self.synthetic = reference, synthetic
        self.comparison = Comparison(reference, synthetic)
        self.sample = sample or self.comparison

    @cached_property
    def search(self) -> ChangeSearch:
        """The changes of real images that explain the difference."""
        return search_changes(self.sample)

    @cached_property
    def matched(self) -> MatchedComparison:
        """The comparison with real images after these changes."""
        changes, searched = self.search.changes, self.sample is self.comparison
        real = self.search.real if searched else self.reference.apply_changes(changes)
        return MatchedComparison(self.comparison, changes, real)

    @cached_property
    def set_evidence(self) -> dict[str, Evidence]:
        """The evidence for labels, copies, coverage and so on, by the names of their rows."""
        return {name: evidence for name, evidence in self._set_results.items() if isinstance(evidence, Evidence)}

    @cached_property
    def _set_results(self) -> dict[str, Evidence | NotJudgeable]:
        results: dict[str, Evidence | NotJudgeable] = {}
        for name, measure in SET_CAUSES.items():
            try:
                results[name] = measure(self.matched, CAUSES[name])
            except NotJudgeable as reason:
                results[name] = reason
        return results

    @property
    def droppable_images(self) -> dict[str, np.ndarray]:
        """Masks (N,) of the synthetic images that show a cause, by the ids of causes whose images can be dropped."""
        masks = {evidence.cause.id: evidence.images for evidence in self.set_evidence.values() if evidence.cause.drop}
        return {cause: mask for cause, mask in masks.items() if mask is not None}

    @cached_property
    def diagnosis(self) -> Diagnosis:
        set_evidence = list(self.set_evidence.values())
        change_evidence = [self._change_evidence(fit) for fit in self.search.first.fits]
        evidence = (*set_evidence, *change_evidence)
        adjusted = adjusted_p(np.array([row.statistic for row in evidence]))
        p_values = dict(zip(evidence, adjusted.tolist(), strict=True))
        causes = [self._set_finding(row, p_values[row]) for row in set_evidence]
        causes += self._change_findings({row: p_values[row] for row in change_evidence})
        ranked = sorted(causes, key=lambda cause: (not cause.named, -cause.extent, cause.p_adjusted))
        mean, low, high = mean_interval(self.comparison.relative(self.comparison.initial))
        p_value = self.comparison.p_value
        differs = p_value < ALPHA or any(cause.named for cause in causes)
        return Diagnosis(
            causes=tuple(ranked),
            not_judged=tuple(self._not_judged()),
            difference=mean,
            low=low,
            high=high,
            p_value=p_value,
            differs=differs,
            unexplained=self._unexplained(causes) if differs else None,
            tried=self._change_results(change_evidence),
            by_kind=self._distances_by_kind(),
        )

    def _not_judged(self) -> Iterator[NotJudged]:
        for name, result in self._set_results.items():
            row = CAUSES[name]
            if isinstance(result, NotJudgeable):
                yield NotJudged(id=row.id, direction=row.direction, reason=str(result))
            elif result.unjudged_classes:
                reason = "classifiers recognise too few of their real images with confidence"
                yield NotJudged(id=row.id, direction=row.direction, reason=reason, few_classes=result.unjudged_classes)

    def _unexplained(self, causes: Sequence[CauseFinding]) -> ShareEstimate:
        """Return the share of the difference that remains after the selected changes, without the reported causes."""
        named = {cause.row.name for cause in causes if cause.named}
        remaining = self.matched.remaining.copy()
        for name, evidence in self.set_evidence.items():
            if name in named and evidence.remaining is not None:
                remaining -= self.matched.remaining - evidence.remaining
        mean, low, high = unexplained_interval(remaining, self.comparison.initial)
        return ShareEstimate(mean=mean, low=low, high=high)

    def _change_results(self, evidence: list[Evidence]) -> tuple[ChangeResult, ...]:
        explained = {row.candidate: row.explained for row in evidence}
        return tuple(
            ChangeResult(
                cause=change.cause.id, direction=change.cause.direction, like=change.words, explained=explained[change]
            )
            for change in self.sample.change_features
        )

    def _distances_by_kind(self) -> dict[str, tuple[float, float]]:
        """Return, by kind of features, the distance from real images before and after the selected changes."""
        halves, synthetic = self.reference.halves, self.comparison.features
        before, after = (
            self.comparison.relative(halves.energy_distance_by_kind(real, synthetic))
            for real in (halves.real, self.matched.real)
        )
        return {kind: (float(before[k]), float(after[k])) for k, kind in enumerate(KINDS)}

    def _change_evidence(self, fit: CandidateFit) -> Evidence:
        initial = self.sample.initial
        return Evidence(
            cause=fit.candidate.cause,
            effect=self.sample.relative(initial - fit.remaining),
            statistic=damp(initial) - damp(fit.remaining),
            explained=explained_share(fit.remaining, initial),
            candidate=fit.candidate,
        )

    def _set_finding(self, evidence: Evidence, p_value: float) -> CauseFinding:
        """Return the finding. The cause is reported if all classes together show it, or if a few classes alone do."""
        least = evidence.cause.least_effect
        assert least is not None, f"the row of {evidence.cause.name} has no least_effect"
        size = np.abs(evidence.effect) * np.sign(evidence.statistic)
        few = np.zeros(self.reference.classes, bool)
        if len(few) >= MIN_CLASSES:
            deviation = _CLASS_DEVIATION * least if evidence.deviation is None else evidence.deviation
            class_p = outliers_p(self.comparison.mean_by_class(evidence.statistic / deviation), least=0.5)
            few = (class_p < CLASS_ALPHA) & (self.comparison.mean_by_class(size) > CLASS_MIN_EFFECT * least)
            if few.any():
                p_value = min(p_value, float(class_p.min()) * len(SET_CAUSES))
        named = bool((p_value < ALPHA and size.mean() > least) or few.any())
        finding = self._finding(evidence, p_value, named)
        return finding.model_copy(update={"few_classes": tuple(np.flatnonzero(few).tolist())})

    def _change_findings(self, p_values: dict[Evidence, float]) -> list[CauseFinding]:
        """Return one finding per cause and direction: the selected change, or else the best candidate applied alone.

        Args:
            p_values: p-value of every candidate applied alone, the best first.
        """
        findings: dict[Cause, CauseFinding] = {}
        for evidence, p_value in p_values.items():
            findings.setdefault(evidence.cause, self._finding(evidence, p_value, named=False))
        for number, change in enumerate(self.search.selected):
            initial, cause = self.sample.initial, change.fit.candidate.cause
            before, after = (
                explained_share(remaining, initial) for remaining in (change.round.initial, change.fit.remaining)
            )
            gain = self.sample.relative(change.round.initial - change.fit.remaining)
            evidence = Evidence(cause, gain, gain, max(0.0, after - before), candidate=change.fit.candidate)
            p_value = findings[cause].p_adjusted if number == 0 else change.round.p_value
            finding = self._finding(evidence, p_value, named=True)
            rival = next(iter(change.round.rivals.items()), None)
            findings[cause] = finding.model_copy(
                update={
                    "equivalent_to": change.round.equivalent_causes(),
                    "next_best": None if rival is None else NextBest(cause=rival[0], p_value=rival[1]),
                }
            )
        for name in FITTED_CAUSES:  # those for which nothing was fitted
            if CAUSES[name] not in findings:
                nothing = np.zeros(len(self.comparison.initial))
                findings[CAUSES[name]] = self._finding(Evidence(CAUSES[name], nothing, nothing, 0.0), 1.0, named=False)
        return list(findings.values())

    def _finding(self, evidence: Evidence, p_value: float, named: bool) -> CauseFinding:
        mean, low, high = mean_interval(evidence.effect)
        change = evidence.candidate
        inverse = change.inverse if change else None
        return CauseFinding(
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
            per_class=tuple(self.comparison.mean_by_class(evidence.effect).tolist()),
            few_classes=(),
            transform=change.specification if change else None,
            undo=inverse.model_dump(mode="json") if inverse else None,
        )
