"""Writes the tables of the docs that come from rows: `python tools/docs_tables.py`. The tests say when to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.names import names_of
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.training.augmentations import Augmentation, Nudge
from prettyuseful.training.recipes import RECIPES
from prettyuseful.transforms.probes import PROBES

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Table:
    """A table of a page, between `<!-- table: NAME -->` and `<!-- end -->`."""

    name: str
    page: str
    head: tuple[str, ...]
    lines: Callable[[], Iterator[tuple[str, ...]]]

    @property
    def path(self) -> Path:
        return DOCS / self.page

    def within(self, text: str) -> str:
        """The page's text with the table as the rows have it."""
        table = "\n".join(map(_line, (self.head, ("---",) * len(self.head), *self.lines())))
        mark = re.escape(f"<!-- table: {self.name} -->")
        return re.sub(rf"({mark}\n).*?(\n<!-- end -->)", lambda m: m[1] + table + m[2], text, flags=re.DOTALL)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _causes() -> Iterator[tuple[str, ...]]:
    for cause in CAUSES:
        yield f"`{cause.id}`", cause.direction, f"{cause.title}. {cause.meaning}", " ".join(cause.advice)


def _metrics() -> Iterator[tuple[str, ...]]:
    for metric in METRICS:
        words = metric.words + (f" k = {metric.k}." if metric.k else "")
        per = {"set": "all classes together", "class": "each class, on average"}.get(metric.per, f"each {metric.per}")
        yield f"`{metric.name}`", words, per, _range(metric), metric.source


def _range(metric: Metric) -> str:
    match metric.low, metric.high:
        case None, None:
            return "any number"
        case low, None:
            return f"{low:g} and more"
        case None, high:
            return f"{high:g} and less"
        case low, high:
            return f"{low:g} to {high:g}"


def _prompts() -> Iterator[tuple[str, ...]]:
    for row in PROMPT_STRATEGIES:
        keys = [key for key in PromptPlan.model_fields if row.reads(key)]
        yield f"`{row.name}`", row.summary, ", ".join(f"`{key}`" for key in keys)


def _architectures() -> Iterator[tuple[str, ...]]:
    for name, summary in names_of("architectures").items():
        yield f"`{name}`", summary


def _recipes() -> Iterator[tuple[str, ...]]:
    for row in RECIPES:
        recipe, seen = row.recipe, row.recipe.augmentation
        cuts = isinstance(seen, Augmentation) and seen.scale is None
        size = f"{seen.size} of {recipe.stored_size} px" if cuts else f"{seen.size} px"
        decay = f", decay {recipe.weight_decay:g}" if recipe.weight_decay else ""
        optimiser = f"{recipe.optimiser} {recipe.learning_rate:g}{decay}"
        passes = f"{recipe.epochs}, {recipe.batch_size}"
        yield f"`{row.name}`", row.summary, size, passes, optimiser, ", ".join(_changes(seen))


def _changes(seen: Nudge | Augmentation) -> Iterator[str]:
    if isinstance(seen, Nudge):
        yield from (f"shift by up to {seen.shift}", "flip", f"jitter {seen.jitter:g}")
        return
    yield f"crop of {seen.scale[0]:g} to {seen.scale[1]:g} of the area" if seen.scale else "random crop"
    if seen.one_of:
        yield f"one of {', '.join(seen.one_of)}"
    if any(seen.jitter):
        yield f"jitter {max(seen.jitter):g}"
    yield "flips both ways" if len(seen.flips) == 2 else "flip"
    if seen.cutmix:
        yield "CutMix"


def _probes() -> Iterator[tuple[str, ...]]:
    for probe in PROBES:
        recipes = f"`{probe.small_recipe}`, `{probe.large_recipe}`"
        crops = f"{probe.crops} by {probe.crops}" if probe.crops > 1 else "the middle"
        yield (
            f"`{probe.name}`",
            probe.summary,
            recipes,
            f"`{probe.architecture}`" if probe.architecture else "any",
            crops,
        )


TABLES = (
    Table("prompts", "generators.md", ("strategy", "prompts of a class", "keys of its own"), _prompts),
    Table("architectures", "training.md", ("architecture", "what it is"), _architectures),
    Table(
        "recipes",
        "training.md",
        ("recipe", "what it is", "looks at", "epochs, batch", "optimiser", "augmentation"),
        _recipes,
    ),
    Table(
        "probes",
        "training.md",
        ("probe", "what is left", "recipe for small, other tasks", "architecture", "squares of a test image"),
        _probes,
    ),
    Table("causes", "audit.md", ("cause", "direction", "what it means", "what to try"), _causes),
    Table("metrics", "metrics.md", ("name", "what", "value of", "range", "source"), _metrics),
)


def main() -> None:
    for table in TABLES:
        table.path.write_text(table.within(table.path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
