"""What selections of images gain or cost: each against its random control, and on average over data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.analysis.power import detectable_difference, detectable_sentence
from prettyuseful.analysis.ranking import at_holm_levels
from prettyuseful.analysis.rows import Cell, Comparison
from prettyuseful.analysis.statistics import CellModel, Interval
from prettyuseful.analysis.stopping import Stopping
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import absolute_points, points
from prettyuseful.selection.plan import SelectionPlan
from prettyuseful.study.file import REAL, Study

_ADJECTIVES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "prettiness": {"top": ("prettier", "prettiest"), "bottom": ("less pretty", "least pretty")}
}
"""By score and end of the order: the comparative for a half, and the superlative for another share."""


@dataclass(frozen=True)
class SelectionEffect:
    """The accuracy after training on a selection of images minus that on random selections of equal size.

    `of`: the data sets that are selected from; several if it is the mean effect over them. `selection`, `control`: the
    names of the selections and of their random controls. `words`, `random_words`: what is selected, such as `the
    prettier half of base` and `a random half`. `difference`: at the level at which Holm's procedure tests it among the
    pre-registered comparisons, or among the means. `p`: adjusted in the same way. `detectable`: the true difference
    that is found in 80% of cases, None if nothing varied. `stopping`: see `Comparison`.
    """

    of: tuple[str, ...]
    selection: tuple[str, ...]
    control: tuple[str, ...]
    words: str
    random_words: str
    cell: Cell
    difference: Interval
    p: float | None
    detectable: float | None
    stopping: Stopping | None = None

    @property
    def sentence(self) -> str:
        """What the selection gains or costs, or that this is not clear and what would have been found."""
        is_mean = len(self.of) > 1
        what = f"on average over {len(self.of)} data sets, {self.words}" if is_mean else self.words
        what = what[:1].upper() + what[1:]
        more = [] if self.stopping is None else [self.stopping.words]
        if self.difference.excludes_zero:
            side = "more" if self.difference.mean > 0 else "less"
            result = f"{what} gives {absolute_points(self.difference)} {side} than {self.random_words}"
        else:
            result = f"{what} shows no clear difference from {self.random_words}: {points(self.difference)}"
            more = [detectable_sentence(self.difference), *more]
        return f"{'; '.join(filter(None, (result, *more)))}."


def selection_effects(study: Study, comparisons: Sequence[Comparison]) -> Iterator[SelectionEffect]:
    """Yield the effect of each selection that was compared with its random control, in all grid cells."""
    controls = study.random_controls
    for pair in comparisons:
        select = study.datasets[pair.a].select if controls.get(pair.a) == pair.b else None
        if select is not None:
            yield SelectionEffect(
                of=(select.of,),
                selection=(pair.a,),
                control=(pair.b,),
                words=_words(select, "the real training images" if select.of == REAL else select.of),
                random_words=_words(select.random_control),
                cell=pair.cell,
                difference=pair.to_real,
                p=pair.p,
                detectable=pair.detectable,
                stopping=pair.stopping,
            )


def mean_effects(
    study: Study, cell: Cell, model: CellModel, sizes: Mapping[str, ClassCounts]
) -> Iterator[SelectionEffect]:
    """Yield the mean effect over data sets of each way of selecting that at least two data sets have.

    Data sets that are derived from another one do not count: their images are not independent of the others. `sizes`:
    the images per class of each data set in the model.
    """
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, control in study.random_controls.items():
        select = study.datasets[name].select
        assert select is not None
        derived = select.of in study.datasets and study.datasets[select.of].dependencies
        if not derived and all((one, sizes.get(one)) in model.datasets for one in (name, control)):
            pairs.setdefault((str(select.by), select.keep), []).append((name, control))
    several = [of_way for of_way in pairs.values() if len(of_way) > 1]
    sized = [[tuple((name, sizes[name]) for name in pair) for pair in of_way] for of_way in several]
    differences = [model.mean_difference([(a, b) for a, b in of_way]) for of_way in sized]
    tested = [(way, interval) for way, interval in zip(several, differences, strict=True) if interval]
    at_levels = at_holm_levels([interval for _, interval in tested])
    for (way, _), (at_level, adjusted) in zip(tested, at_levels, strict=True):
        selects = [select for name, _ in way if (select := study.datasets[name].select)]
        yield SelectionEffect(
            of=tuple(select.of for select in selects),
            selection=tuple(name for name, _ in way),
            control=tuple(control for _, control in way),
            words=_words(selects[0]),
            random_words=_words(selects[0].random_control),
            cell=cell,
            difference=at_level,
            p=adjusted,
            detectable=detectable_difference(at_level),
        )


def _words(select: SelectionPlan, of: str = "") -> str:
    """Return what is selected in words, such as `the prettier half of base` or `a random 30%`."""
    kept, criterion = select.kept, select.criterion
    adjectives = _ADJECTIVES.get(str(select.by), {}).get(str(kept.part))
    if adjectives is None or kept.number is not None:
        return kept.words(of, criterion.by if criterion else "")
    what = f"{adjectives[0]} half" if kept.percent == 50 else f"{adjectives[1]} {kept.amount}"
    return f"the {what} of {of}" if of else f"the {what}"
