"""The names that study files and commands can use, each with one line of description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from prettyuseful.aesthetics import SCORES
from prettyuseful.analysis.predictors import PREDICTORS
from prettyuseful.bundled_studies import BUNDLED
from prettyuseful.cards import CARDS
from prettyuseful.encoders.table import ENCODERS, EVERY_TIMM_ID
from prettyuseful.errors import StudyError, UnknownNameError, did_you_mean
from prettyuseful.generators import check as generators
from prettyuseful.generators.model import POCKET, Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.interface_checks import InterfaceCheck
from prettyuseful.metrics import METRICS
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.registry import Registry
from prettyuseful.selection.criteria import CRITERIA
from prettyuseful.selection.experiments import EXPERIMENTS
from prettyuseful.tasks.source import TASKS
from prettyuseful.training.architectures import ARCHITECTURES, PAPER_TIMM_IDS
from prettyuseful.training.recipes import RECIPES
from prettyuseful.transforms import check as transforms
from prettyuseful.transforms.chain import Chain, Single
from prettyuseful.transforms.probes import PROBES

CHECKS: Mapping[str, InterfaceCheck] = {row.name: row for row in (generators.CHECK, transforms.CHECK)}
"""The checks of `prettyuseful check`, by kind of class."""
_ROWS: Mapping[str, Registry[Any]] = {
    "tasks": TASKS,
    "prompts": PROMPT_STRATEGIES,
    "architectures": ARCHITECTURES,
    "recipes": RECIPES,
    "probes": PROBES,
    "encoders": ENCODERS,
    "metrics": METRICS,
    "scores": SCORES,
    "selections": CRITERIA,
    "experiments": EXPERIMENTS,
    "predictors": PREDICTORS,
    "cards": CARDS,
}
KINDS = ("generators", *_ROWS, "transforms", "studies")
# User-defined networks do not exist yet; a selection takes scores, and a metric that a study lists is a predictor.
# Other cards are described by a file.
_NOT_USER_DEFINED = ("architectures", "selections", "predictors", "cards")
_USER_DEFINED_NOTE = (
    "to add your own: write a {row} in a Python file and name it as file.py:OBJECT; "
    "`prettyuseful list {kind} file.py:OBJECT` shows it"
)


def list_names(kind: str, objects: Sequence[str] = ()) -> dict[str, str]:
    """Return name -> description for every name of a kind: `generators`, `tasks`, `encoders`, `metrics` and so on.

    Args:
        kind: one of `KINDS`.
        objects: user-defined rows, as `module:OBJECT`, to append.

    Raises:
        UnknownNameError: the kind is unknown, or an object does not exist or is not a row of this kind.
        StudyError: this kind has no user-defined rows.
    """
    if kind not in KINDS:
        raise UnknownNameError(f"unknown kind {kind!r}{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
    if objects and not _allows_user_defined(kind):
        kinds = ", ".join(filter(_allows_user_defined, KINDS))
        raise StudyError(f"list {kind}: cannot describe {objects[0]!r}; user-defined objects exist for {kinds}")
    match kind:
        case "generators":
            return describe_models(MODELS.values())
        case "studies":
            return dict(BUNDLED)
        case "transforms":
            sources = (*get_args(Single), Chain)
            return {source.model_fields["kind"].default: _first_sentence(source) for source in sources}
    rows = _ROWS[kind]
    summaries = {row.name: row.summary for row in rows}
    summaries |= PAPER_TIMM_IDS if kind == "architectures" else {}
    return summaries | {name: _summary(rows, name) for name in objects}


def describe_models(models: Iterable[Model]) -> dict[str, str]:
    """Return id -> description for some models of the table."""
    return {model.id: "; ".join(_model_facts(model)) for model in models}


def list_notes(kind: str) -> tuple[str, ...]:
    """Return notes on further names that a study file can use, one line each."""
    notes = {
        "architectures": ("any timm id can be used, such as deit_small_patch16_224",),
        "encoders": (EVERY_TIMM_ID,),
        "predictors": ("every metric that a study lists, also one of your own, is a predictor, too",),
        "probes": (
            "a study can define a probe by a transform, {transform: {kind: ...}}: "
            f"{', '.join(list_names('transforms'))} (see `prettyuseful list transforms`)",
        ),
    }
    if not _allows_user_defined(kind):
        return notes.get(kind, ())
    return (*notes.get(kind, ()), _USER_DEFINED_NOTE.format(row=_ROWS[kind].row_type.__name__, kind=kind))


def _summary(rows: Registry[Any], name: str) -> str:
    row = rows[name]
    return str(row.summary) if name in rows else f"{row.name}: {row.summary}"


def _allows_user_defined(kind: str) -> bool:
    return kind in _ROWS and kind not in _NOT_USER_DEFINED


def _first_sentence(cls: type[Any]) -> str:
    text = " ".join((cls.__doc__ or "").split())
    return re.split(r"\.\s+(?=[A-Z`])", text)[0].removesuffix(".")


def _model_facts(model: Model) -> Iterator[str]:
    is_bundled = model.path_or_id.startswith(POCKET)
    yield model.released or ("built in" if is_bundled else "release not known")
    if model.parameters is not None:
        yield f"{model.parameters:g} B"
    if model.size is not None:
        yield f"{model.size} px"
    if model.footprint is not None:
        images, size = model.micro_batch, model.size or 0
        memory = model.footprint.sampling(model.vendor, size, images, model.dtype)
        yield f"{max(memory, model.footprint.encoding(model.dtype)) / 1e9:.0f} GB with {images} images at once"
    if not is_bundled:
        yield model.path_or_id
    yield from model.other_places
    if model.note:
        yield model.note
    yield f"licence: {model.licence}{', gated' if model.gated else ''}"
    if model.unchecked:
        yield f"not checked: {', '.join(model.unchecked)}"
