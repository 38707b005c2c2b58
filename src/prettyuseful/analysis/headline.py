"""The answer of a study in a few sentences: is it useful, how many real images is it worth, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prettyuseful.analysis.answer import describe_selection, significant_pairs_sentence
from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.prettiness import PrettyUseful
from prettyuseful.analysis.remedies import format_sentence
from prettyuseful.analysis.rows import Comparison, Row, baseline_of
from prettyuseful.analysis.selections import SelectionEffect
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import percent, points, share
from prettyuseful.records import DatasetRecord

_MAX_SENTENCES = 3


def headline(
    datasets: Sequence[DatasetRecord],
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    pretty: PrettyUseful | None = None,
    selections: Sequence[SelectionEffect] = (),
    sources: str | None = None,
    mixing: str | None = None,
    stopped: int = 0,
) -> tuple[str, ...]:
    """Return the most important sentences for the study's first grid cell.

    The first ones say whether images made from few real ones are more useful than these (`sources`), whether prettier
    data sets are less useful (`pretty`), what a selection of images gains or costs (the first one of `selections`, all
    of the first grid cell) and what generated images add to real ones (`mixing`), if that was measured. The others are
    about the generated data set with the highest accuracy: its accuracy against real images, its effective real images,
    and its main cause; where one of these is missing, pre-registered and exploratory comparisons follow.
    Data sets that contain real images or are derived from another one are used only if the study has no others.
    There are at most three sentences, and one more if the files of the two sides differ in format.

    `stopped`: number of data sets that were stopped early, and are not among these.
    """
    in_cell = [row for row in rows if row.cell == rows[0].cell]
    finished = [row for row in in_cell if not row.real and row.to_real]
    if not finished:
        scope = " in the first configuration" if len(in_cell) < len(rows) else ""
        return (f"No generated data set has a complete run{scope} yet, so there is no answer.",)
    underived = [row for row in finished if row.of is None]
    candidates = [row for row in underived if not row.holds_real] or underived or finished
    best = max(candidates, key=lambda row: row.to_real.mean if row.to_real else 0.0)
    kind = "generated data sets" if best.of is None and not best.holds_real else "data sets"
    name = f"Data set {best.dataset}"
    if stopped:
        name = f"The best of {len(candidates)} {kind} that were not stopped early ({stopped} were), {best.dataset},"
    elif len(candidates) > 1:
        name = f"The best of {len(candidates)} {kind}, {best.dataset},"
    real_count = baseline_of(best.images_per_class, (row.images_per_class for row in in_cell if row.real))
    selected = {name for effect in selections for name in effect.selection}
    pairs = [pair for pair in comparisons if pair.cell == best.cell and pair.a not in selected]
    has_format = any(format_sentence(dataset) for dataset in datasets if dataset.name == best.dataset)
    shown = [sources] if sources else []
    shown += [*(pretty.sentences[:1] if pretty and pretty.compares_sets else ())]
    shown += [effect.sentence for effect in selections[:1]]
    shown += [mixing] if mixing else []
    return (*shown, *_sentences(name, best, real_count, datasets, pairs))[: _MAX_SENTENCES + has_format]


def _sentences(
    name: str, best: Row, real_count: ClassCounts | None, datasets: Sequence[DatasetRecord], pairs: Sequence[Comparison]
) -> Iterator[str]:
    """Yield sentences from the most important to the least; `real_count`: real images per class of the baseline."""
    yield _usefulness(name, best, real_count)
    if best.worth:
        its, text = f"Its {best.images_per_class} images per class", best.worth.text
        if best.worth.censored == "below":
            yield f"{its} are {best.worth.below_words}."
        elif best.worth.censored == "none":
            yield f"{its} give the same accuracy as {text} real images per class (effective real images)."
        else:
            yield f"Effective real images per class of its {best.images_per_class} images: {text}."
    for dataset in datasets:
        if dataset.name == best.dataset and dataset.diagnosis:
            if dataset.diagnosis.format:
                yield dataset.diagnosis.format.summary
            yield _cause(dataset)
    for pair in pairs:
        if pair.planned:
            verdict = "significant" if pair.to_real.excludes_zero else "not significant"
            stopping = "" if pair.stopping is None else f" ({pair.stopping.words})"
            yield (
                f"In the pre-registered comparison, the accuracy of {describe_selection(pair.a, datasets)} differs "
                f"from that of its control {describe_selection(pair.b, datasets)} by {points(pair.to_real)}, which is "
                f"{verdict}{stopping}."
            )
    exploratory = [pair for pair in pairs if not pair.planned]
    if exploratory:
        yield significant_pairs_sentence(exploratory)


def _usefulness(name: str, best: Row, real_count: ClassCounts | None) -> str:
    assert best.to_real is not None
    accuracy = f"a classifier trained on it reaches {percent(best.to_real)} accuracy on real test images"
    if best.gap is None:
        return f"{name} cannot be compared with real images, because no matching run on them is complete: {accuracy}."
    if best.gap.high < 0:
        verdict = "less useful as training data than real images"
    elif best.gap.low > 0:
        verdict = "more useful as training data than real images"
    else:
        verdict = "not clearly different from real images as training data"
    same = real_count == best.images_per_class
    baseline = "the same number of real images" if same else f"only {real_count} real images per class"
    could_see = None if best.gap.excludes_zero else detectable_sentence(best.gap)
    more = f"; {could_see}" if could_see else ""
    return f"{name} is {verdict}: {accuracy}, {points(best.gap)} compared with {baseline}{more}."


def _cause(dataset: DatasetRecord) -> str:
    assert dataset.diagnosis is not None
    causes = dataset.diagnosis.named
    if causes:
        main = causes[0]
        title = main.row.title[:1].lower() + main.row.title[1:]
        if main.like:
            evidence = f"applied to real images, {main.like} explains {share(main.explained, 0)} of the difference"
        else:
            evidence = main.effect_words
        unexplained = dataset.diagnosis.unexplained
        if dataset.diagnosis.resemblance and unexplained:
            return (
                f"Its images are changed in a way that resembles {main.like} ({title}), but "
                f"{share(unexplained.mean, 0)} of the difference is not explained."
            )
        return f"The main reported cause is that {title} ({evidence})."
    if dataset.diagnosis.cause_unknown:
        return f"{dataset.name} differs significantly from real images, but no tested cause explains why."
    return f"No cause is reported: {dataset.name} does not differ significantly from real images."
