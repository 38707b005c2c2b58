"""The answer of a study in sentences, for a reader who knows statistics and has not seen the study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prettyuseful.analysis.classifiers import classifier_words
from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.remedies import InterventionEffects, diagnosis_sentences
from prettyuseful.analysis.rows import Cell, Comparison, Row
from prettyuseful.formatting import absolute_points, percent, points, share
from prettyuseful.records import DatasetRecord, StudyRecord
from prettyuseful.training.recipes import FROZEN_FEATURES

_MAX_EXPLORATORY_SENTENCES = 4


def answer(
    study: StudyRecord,
    datasets: Sequence[DatasetRecord],
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    effects: InterventionEffects,
) -> Iterator[str]:
    """Yield the sentences for the study's first grid cell.

    Order: accuracies, reported causes, accuracy costs of causes, pre-registered comparisons, exploratory comparisons.
    What selections of images gain or cost has sentences of its own, see `selections`.
    """
    if not any(row.to_real for row in rows):
        yield "No run is complete yet, so there are no results."
        return
    cell = rows[0].cell
    finished = [row for row in rows if row.cell == cell and row.to_real]
    yield from _accuracy_sentences(study, finished)
    yield from diagnosis_sentences(datasets)
    yield from _cost_sentences(datasets, effects)
    in_cell = [pair for pair in comparisons if pair.cell == cell]
    planned = [pair for pair in in_cell if pair.planned]
    controls = study.file.random_controls
    yield from (_planned_sentence(pair, datasets) for pair in planned if controls.get(pair.a) != pair.b)
    if len(planned) > 1:
        yield f"The {len(planned)} pre-registered comparisons are corrected for each other (Holm)."
    yield from _exploratory_sentences([pair for pair in in_cell if not pair.planned])
    yield from _agreement_sentences(rows, cell)
    if len(study.file.train.seeds) == 1:
        yield "There is only one training seed: the intervals do not cover the variation between training runs."


def _accuracy_sentences(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    """Real images first, then the generated data sets in descending order of accuracy."""
    measured = [(row.to_real, row) for row in rows if row.to_real]
    for accuracy, row in measured:
        if row.real:
            yield (
                f"Trained on {row.images_per_class} real images per class, {classifier_words(row.cell)} reaches "
                f"{percent(accuracy)} accuracy on real test images; guessing reaches {share(study.task.chance)}."
            )
    generated = [(accuracy, row) for accuracy, row in measured if not row.real and row.of is None]
    generated.sort(key=lambda pair: -pair[0].mean)
    for accuracy, row in generated:
        gap = "" if row.gap is None else f", a difference of {points(row.gap)} from real images"
        worth = ""
        if row.worth is not None:
            same = f"real images per class for the same accuracy: {row.worth.text}"
            worth = f"; it is {row.worth.below_words}" if row.worth.censored == "below" else f"; {same}"
        yield f"Trained on {row.dataset}, it reaches {percent(accuracy)}{gap}{worth}."
    for accuracy, row in generated:
        if row.from_real and row.from_real.low > accuracy.high:
            yield (
                f"The classifier trained on real images recognises {percent(row.from_real)} of the images of "
                f"{row.dataset}: they are easier to recognise than to learn from."
            )


def _agreement_sentences(rows: Sequence[Row], cell: Cell) -> Iterator[str]:
    """Compare networks that are trained from scratch with linear probes on frozen features, where both are measured."""
    first = {row.dataset: row.gap for row in rows if row.cell == cell and row.gap and row.of is None}
    for row in rows:
        gap = first.get(row.dataset)
        is_other = (row.cell[1] == FROZEN_FEATURES) != (cell[1] == FROZEN_FEATURES)
        if not is_other or gap is None or row.gap is None:
            continue
        if not (gap.excludes_zero and row.gap.excludes_zero):
            verdict = "at least one of these differences is not significant"
        else:
            agrees = gap.mean * row.gap.mean > 0
            verdict = f"the two measurements {'agree' if agrees else 'contradict each other'} on its usefulness"
        yield (
            f"Measured in another way, by {classifier_words(row.cell)}, {row.dataset} differs from real images by "
            f"{points(row.gap)}, compared with {points(gap)} by {classifier_words(cell)}: {verdict}."
        )


def _cost_sentences(datasets: Sequence[DatasetRecord], effects: InterventionEffects) -> Iterator[str]:
    for dataset in datasets:
        for cause in dataset.named_causes:
            if (cost := effects.accuracy_cost(cause)) and cost.mean > 0:
                yield (
                    f"Accuracy cost of {cause.row.name} for {dataset.name}, if it has no other defect: training on "
                    f"real images after {cause.like} lowers accuracy by {absolute_points(cost)}."
                )


def describe_selection(name: str, datasets: Sequence[DatasetRecord]) -> str:
    """Return the name of a data set, followed by what is selected if it is a selection of another one."""
    notes = [d.generator.note for d in datasets if d.name == name and d.generator and d.generator.kind == "selected"]
    return f"{name} ({notes[0]})" if notes else name


def _planned_sentence(pair: Comparison, datasets: Sequence[DatasetRecord]) -> str:
    coverage = "" if pair.coverage is None else f"; coverage {points(pair.coverage)}"
    verdict = "significant" if pair.to_real.excludes_zero else _not_significant(pair)
    stopping = "" if pair.stopping is None else f"; {pair.stopping.words}"
    return (
        f"Pre-registered comparison of {describe_selection(pair.a, datasets)} with its control "
        f"{describe_selection(pair.b, datasets)}: {points(pair.to_real)} accuracy on real images, "
        f"{verdict}{stopping}{coverage}."
    )


def _not_significant(pair: Comparison) -> str:
    """Return the verdict, with the difference that the study would have found: absence of evidence is no evidence."""
    could_see = detectable_sentence(pair.to_real)
    return f"not significant (no clear difference; {could_see})" if could_see else "not significant"


def _exploratory_sentences(pairs: Sequence[Comparison]) -> Iterator[str]:
    """The largest significant differences, then the number of significant pairs."""
    significant = sorted(
        (pair for pair in pairs if pair.to_real.excludes_zero), key=lambda pair: -abs(pair.to_real.mean)
    )
    for pair in significant[:_MAX_EXPLORATORY_SENTENCES]:
        higher, lower = (pair.a, pair.b) if pair.to_real.mean > 0 else (pair.b, pair.a)
        yield (
            f"Exploratory comparison: the accuracy of {higher} on real images is {absolute_points(pair.to_real)} "
            f"higher than that of {lower}."
        )
    if pairs:
        yield significant_pairs_sentence(pairs)
    unclear = [pair for pair in pairs if not pair.to_real.excludes_zero and pair.detectable is not None]
    if unclear:
        widest = max(unclear, key=lambda pair: pair.detectable or 0.0)
        which = f", the least precise of {len(unclear)} pairs without a clear difference" if len(unclear) > 1 else ""
        yield f"Between {widest.a} and {widest.b}{which}, {detectable_sentence(widest.to_real)}."


def significant_pairs_sentence(pairs: Sequence[Comparison]) -> str:
    """Return the sentence with the number of exploratory comparisons that are significant."""
    significant = sum(pair.to_real.excludes_zero for pair in pairs)
    return f"{significant} of {len(pairs)} unplanned pairs differ significantly" + (
        f" after Holm's correction for {len(pairs)} comparisons." if len(pairs) > 1 else "."
    )
