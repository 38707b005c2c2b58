"""The answer of a study in sentences: for a reader who knows statistics and has not seen the study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prettyuseful.analysis.remedies import InterventionEffects, sentences
from prettyuseful.analysis.rows import Comparison, Row
from prettyuseful.formatting import percent, points, points_apart, share
from prettyuseful.records import DatasetRecord, StudyRecord

_MOST_PAIRS = 4  # exploratory pairs that have a sentence each


def answer(
    study: StudyRecord,
    datasets: Sequence[DatasetRecord],
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    effects: InterventionEffects,
) -> Iterator[str]:
    """For the study's first cell: accuracies, diagnoses, then planned and exploratory comparisons."""
    if not any(row.to_real for row in rows):
        yield "No run is complete, so there is no result yet."
        return
    cell = rows[0].cell
    finished = [row for row in rows if row.cell == cell and row.to_real]
    yield from _accuracies(study, finished)
    yield from sentences(datasets)
    yield from _costs(datasets, effects)
    of_cell = [pair for pair in comparisons if pair.cell == cell]
    yield from map(_planned, (pair for pair in of_cell if pair.planned))
    yield from _exploratory([pair for pair in of_cell if not pair.planned])
    if len(study.file.train.seeds) == 1:
        yield "There is one training seed: the intervals do not cover how much another training would differ."


def _accuracies(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    """Real images first, then data sets from the highest accuracy to the lowest."""
    measured = [(row.to_real, row) for row in rows if row.to_real]
    for accuracy, row in measured:
        if row.real:
            yield (
                f"Trained on {row.images_per_class} real images per class, {row.cell[0]} classifies "
                f"{percent(accuracy)} of the real test images correctly; guessing reaches "
                f"{share(study.task.chance)}."
            )
    generated = [(accuracy, row) for accuracy, row in measured if not row.real and row.of is None]
    generated.sort(key=lambda pair: -pair[0].mean)
    for accuracy, row in generated:
        gap = "" if row.gap is None else f", {points(row.gap)} against real images"
        worth = "" if row.worth is None else f"; real images per class for the same accuracy: {row.worth.words}"
        yield f"Trained on {row.dataset}, it reaches {percent(accuracy)}{gap}{worth}."
    for accuracy, row in generated:
        if row.from_real and row.from_real.low > accuracy.high:
            yield (
                f"The real-trained classifier recognises {percent(row.from_real)} of {row.dataset}'s images: they are "
                "easier to recognise than to learn from."
            )


def _costs(datasets: Sequence[DatasetRecord], effects: InterventionEffects) -> Iterator[str]:
    for dataset in datasets:
        for cause in dataset.named_causes:
            if (cost := effects.accuracy_cost(cause)) and cost.mean > 0:
                yield (
                    f"Training on real images after {cause.like} lowers accuracy by {points_apart(cost)}: the cost of "
                    f"{cause.id} for {dataset.name}, if it has no other defect."
                )


def _planned(pair: Comparison) -> str:
    coverage = "" if pair.coverage is None else f"; coverage {points(pair.coverage)}"
    verdict = "significant" if pair.to_real.excludes_zero else "not significant"
    return (
        f"{pair.a} against {pair.b}, its control (planned comparison): {points(pair.to_real)} on real images, "
        f"{verdict}{coverage}."
    )


def _exploratory(pairs: Sequence[Comparison]) -> Iterator[str]:
    """The largest differences, and how many there are."""
    clear = sorted((pair for pair in pairs if pair.to_real.excludes_zero), key=lambda pair: -abs(pair.to_real.mean))
    for pair in clear[:_MOST_PAIRS]:
        higher, lower = (pair.a, pair.b) if pair.to_real.mean > 0 else (pair.b, pair.a)
        yield f"{higher} reaches a higher accuracy than {lower}: by {points_apart(pair.to_real)} on real images."
    if pairs:
        yield (
            f"{len(clear)} of {len(pairs)} unplanned pairs differ significantly; their intervals are simultaneous "
            "(Bonferroni)."
        )
