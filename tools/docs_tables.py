"""Tables of the documentation that are made from the rows of the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docs_markdown import code, table

from prettyuseful.aesthetics import SCORES, Score
from prettyuseful.aesthetics.models import ClassifierModel, QuestionModel
from prettyuseful.checks.rows import CHECKS
from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.names import list_names
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.selection.criteria import CRITERIA
from prettyuseful.tasks.source import TASKS
from prettyuseful.training.augmentations import Augmentation, SmallAugmentation
from prettyuseful.training.recipes import RECIPES, FrozenFeatures
from prettyuseful.transforms.probes import PROBES

DOCS = Path(__file__).parents[1] / "docs"
_MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """A table of rows. Any page shows it between `<!-- table: NAME -->` and `<!-- end -->`."""

    name: str
    head: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[str, ...]]]

    @property
    def text(self) -> str:
        return table(self.head, self.rows())


def fill_tables(markdown: str) -> str:
    """Return the text of a page with all its marked tables as the rows of the code have them.

    Raises:
        KeyError: a marker with an unknown name.
    """
    return _MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]].text}{match[3]}", markdown)


def _causes() -> Iterator[tuple[str, ...]]:
    for cause in CAUSES:
        dropped = f"`drop: {cause.id}`" if cause.drop else ""
        yield f"`{cause.id}`", cause.direction, f"{cause.title}. {cause.meaning}", " ".join(cause.advice), dropped


def _checks() -> Iterator[tuple[str, ...]]:
    for check in CHECKS.values():
        yield f"`{check.id}`", check.severity, check.finds, check.unit, check.advice


def _scores() -> Iterator[tuple[str, ...]]:
    for score in SCORES:
        yield f"`{score.name}`", score.words, _range(score), score.source


def _score_metrics() -> Iterator[tuple[str, ...]]:
    """Yield the metrics that every score has."""
    score = next(score for score in SCORES if not score.parts)
    for metric in METRICS:
        if metric.score == score.name:
            words = metric.words if metric.comes_with else "Mean of the score over images and classes."
            source = metric.source if metric.comes_with else ""
            name = metric.name.replace(score.name, "SCORE")
            yield f"`{name}`", words, _range(metric) if metric.comes_with else "that of the score", source


def _metrics() -> Iterator[tuple[str, ...]]:
    for metric in METRICS:
        if metric.score:
            continue  # the table of scores has them
        words = metric.words + (f" k = {metric.k}." if metric.k else "")
        per = {"set": "all classes together", "class": "each class, on average"}.get(metric.per, f"each {metric.per}")
        yield f"`{metric.name}`", words, per, _range(metric), metric.source


def _learned_scores() -> Iterator[tuple[str, ...]]:
    for score in SCORES:
        model = score.model
        if isinstance(model, QuestionModel):
            size = f"short side of at most {model.short_side} px"
            yield f"`{score.name}`", "required", "prompt or class", size, _range(score), model.licence, score.source
        elif isinstance(model, ClassifierModel):
            classifier = code(model.classifier)
            yield f"`{score.name}`", classifier, "class", model.size, _range(score), model.licence, score.source
        elif model is not None:
            head = model.head
            weights = code(model.weights.partition("@")[0])
            if head is not None:
                default = code(head.repository.partition("@")[0]) if head.repository else "required"
                weights += f", head {default}"
            text = {"head": "none", "pair": "two fixed texts", "prompt": "prompt or class"}[model.reads]
            yield f"`{score.name}`", weights, text, model.size, _range(score), model.licence, score.source


def _selections() -> Iterator[tuple[str, ...]]:
    for criterion in CRITERIA:
        real = "real training images" if criterion.compares_with_real else ""
        needs = ", ".join(part for part in ("an encoder" if criterion.uses_encoder else "", real) if part)
        keep = "`50%`, `100`" if criterion.spread else "`top 50%`, `bottom 30%`, `middle 40%`, `top 100`"
        yield f"`{criterion.name}`", criterion.summary, needs, keep, criterion.source


def _range(row: Metric | Score) -> str:
    match row.low, row.high:
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
        keys = [key for key in PromptPlan.model_fields if row.accepts(key)]
        yield f"`{row.name}`", row.summary, ", ".join(f"`{key}`" for key in keys)


def _architectures() -> Iterator[tuple[str, ...]]:
    for name, summary in list_names("architectures").items():
        yield f"`{name}`", summary


def _recipes() -> Iterator[tuple[str, ...]]:
    for row in RECIPES:
        if isinstance(row.recipe, FrozenFeatures):
            yield f"`{row.name}`", row.summary, "the encoder's", "exact", "L-BFGS", "none"
            continue
        recipe, augmentation = row.recipe, row.recipe.augmentation
        crops = isinstance(augmentation, Augmentation) and augmentation.scale is None
        size = f"{augmentation.size} of {recipe.stored_size} px" if crops else f"{augmentation.size} px"
        decay = f", decay {recipe.weight_decay:g}" if recipe.weight_decay else ""
        optimiser = f"{recipe.optimiser} {recipe.learning_rate:g}{decay}"
        epochs = f"{recipe.epochs}, {recipe.batch_size}"
        yield f"`{row.name}`", row.summary, size, epochs, optimiser, ", ".join(_changes(augmentation))


def _changes(augmentation: SmallAugmentation | Augmentation) -> Iterator[str]:
    if isinstance(augmentation, SmallAugmentation):
        yield from (f"shift by up to {augmentation.shift}", "flip", f"jitter {augmentation.jitter:g}")
        return
    yield (
        f"crop of {augmentation.scale[0]:g} to {augmentation.scale[1]:g} of the area"
        if augmentation.scale
        else "random crop"
    )
    if augmentation.one_of:
        yield f"one of {', '.join(augmentation.one_of)}"
    if any(augmentation.jitter):
        yield f"jitter {max(augmentation.jitter):g}"
    yield "flips both ways" if len(augmentation.flips) == 2 else "flip"
    if augmentation.cutmix:
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


def _tasks() -> Iterator[tuple[str, ...]]:
    for row in TASKS:
        yield f"`{row.name}`", row.summary, "`folder` or `huggingface`" if row.takes_images else "bundled"


def _generators() -> Iterator[tuple[str, ...]]:
    for model in MODELS.values():
        yield (
            f"`{model.id}`",
            model.released or "bundled",
            f"{model.parameters:g} B" if model.parameters else "",
            f"{model.size}" if model.size else "",
            f"{model.max_sequence or 77}" if model.footprint else "",  # None: the tokenizers of CLIP, 77 tokens
            *_memory(model),
            f"{model.licence}{' (gated)' if model.gated else ''}",
            "; ".join(filter(None, (f"`{model.path_or_id}`", *model.other_places, model.note))),
        )


def _sources() -> Iterator[tuple[str, ...]]:
    for model in MODELS.values():
        yield f"`{model.id}`", model.facts, ", ".join(f"`{name}`" for name in model.unchecked)


def _memory(model: Model) -> Iterator[str]:
    """Yield the GB for one image, those for a micro-batch, and those for text encoders."""
    footprint, dtype = model.footprint, model.dtype
    for images in (1, model.micro_batch):
        memory = footprint.sampling(model.vendor, model.size or 0, images, dtype) if footprint else 0
        batch = f" ({images})" if images > 1 else ""
        yield f"{memory / 1e9:.1f}{batch}" if footprint else ""
    yield f"{footprint.encoding(dtype) / 1e9:.1f}" if footprint else ""


def _sampling() -> Iterator[tuple[str, ...]]:
    for model in MODELS.values():
        yield f"`{model.id}`", _settings(model.vendor), _settings(model.paper) if model.paper else "not in the paper"


def _settings(sampling: Sampling) -> str:
    return ", ".join(f"{key} {value!r}" for key, value in sampling.model_dump(exclude_none=True).items())


def _encoders() -> Iterator[tuple[str, ...]]:
    weights = {"none": "none", "model": "hub id or folder", "file": "file", "timm": "file or hub id"}
    for row in ENCODERS:
        default = "required" if row.needs_weights else code(row.default_weights) if row.default_weights else ""
        yield f"`{row.name}`", row.summary, weights[row.weights], default, "yes" if row.encodes_text else "no"


def _studies() -> Iterator[tuple[str, ...]]:
    for name, summary in list_names("studies").items():
        yield f"`{name}`", summary


def _transforms() -> Iterator[tuple[str, ...]]:
    for kind, summary in list_names("transforms").items():
        yield f"[`{kind}`](study-file.md#transform-{kind})", summary


TABLES = {
    table.name: table
    for table in (
        Table("tasks", ("task", "what it is", "images"), _tasks),
        Table(
            "generators",
            ("id", "released", "parameters", "px", "tokens", "1 image", "micro-batch", "text", "licence", "source"),
            _generators,
        ),
        Table("sources", ("id", "source of the facts", "not checked"), _sources),
        Table("sampling", ("id", "`sampling: vendor`", "`sampling: paper`"), _sampling),
        Table("prompts", ("strategy", "prompts of a class", "keys of its own"), _prompts),
        Table("architectures", ("architecture", "what it is"), _architectures),
        Table(
            "recipes",
            ("recipe", "what it is", "input size", "epochs, batch", "optimiser", "augmentation"),
            _recipes,
        ),
        Table(
            "probes",
            ("probe", "what is left", "recipe for small, other tasks", "architecture", "crops of a test image"),
            _probes,
        ),
        Table("transforms", ("kind", "what it does"), _transforms),
        Table("encoders", ("name", "features", "weights", "default weights", "encodes text"), _encoders),
        Table("metrics", ("name", "what it measures", "value of", "range", "source"), _metrics),
        Table(
            "learned-scores",
            ("score", "default weights", "text", "input", "range", "licence", "source"),
            _learned_scores,
        ),
        Table("scores", ("name", "what it measures", "range", "source"), _scores),
        Table("score-metrics", ("metric", "what it measures", "range", "source"), _score_metrics),
        Table("selections", ("`by`", "what images are chosen by", "needs", "`keep`", "source"), _selections),
        Table("checks", ("check", "severity", "what it finds", "counts", "what to do"), _checks),
        Table("causes", ("cause", "direction", "what it means", "what to try", "can be dropped"), _causes),
        Table("studies", ("study", "what it does"), _studies),
    )
}
