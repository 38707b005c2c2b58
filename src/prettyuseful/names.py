"""The names that study files can use, each with a line on what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from prettyuseful.bundled_studies import BUNDLED
from prettyuseful.encoders.table import ENCODERS, EVERY_TIMM_ID
from prettyuseful.errors import StudyError, UnknownNameError, did_you_mean
from prettyuseful.generators import check as generators
from prettyuseful.generators.models import MODELS, Model
from prettyuseful.interface_checks import Check
from prettyuseful.metrics import METRICS
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.registry import Registry
from prettyuseful.tasks.source import TASKS
from prettyuseful.training.architectures import ARCHITECTURES, PAPER_TIMM_IDS
from prettyuseful.training.recipes import RECIPES
from prettyuseful.transforms import check as transforms
from prettyuseful.transforms.chain import Chain, Single
from prettyuseful.transforms.probes import PROBES

CHECKS: Mapping[str, Check] = {row.name: row for row in (generators.CHECK, transforms.CHECK)}
"""What `prettyuseful check` can check."""
_ROWS: Mapping[str, Registry[Any]] = {
    "tasks": TASKS,
    "prompts": PROMPT_STRATEGIES,
    "architectures": ARCHITECTURES,
    "recipes": RECIPES,
    "probes": PROBES,
    "encoders": ENCODERS,
    "metrics": METRICS,
}
_KINDS = ("generators", *_ROWS, "transforms", "studies")
_NOT_OWN = ("architectures",)  # a network of one's own has no name yet
_OWN = (
    "your own: a row ({row}) in a file of yours, named as file.py:OBJECT; `prettyuseful list {kind} file.py:OBJECT` "
    "shows it"
)


def names_of(kind: str, more: Sequence[str] = ()) -> dict[str, str]:
    """Name -> summary of every name of a kind: `generators`, `tasks`, `encoders`, `metrics` and so on.

    `more`: objects of the user's, as `module:OBJECT`, which follow under that name.

    Raises:
        UnknownNameError: another kind, or an object that is not there or describes no such thing.
        StudyError: `more` of a kind that has no such objects.
    """
    if kind not in _KINDS:
        raise UnknownNameError(
            f"nothing to list under {kind!r}{did_you_mean(kind, _KINDS)}; known: {', '.join(_KINDS)}"
        )
    if more and not _may_be_own(kind):
        kinds = ", ".join(filter(_may_be_own, _KINDS))
        raise StudyError(f"list {kind}: {more[0]!r} cannot be shown; objects of your own describe {kinds}")
    match kind:
        case "generators":
            return {model.id: "; ".join(_about(model)) for model in MODELS.values()}
        case "studies":
            return dict(BUNDLED)
        case "transforms":
            sources = (*get_args(Single), Chain)
            return {source.model_fields["kind"].default: _first_sentence(source) for source in sources}
    rows = _ROWS[kind]
    found = {row.name: row.summary for row in rows}
    found |= PAPER_TIMM_IDS if kind == "architectures" else {}
    return found | {name: _named(rows, name) for name in more}


def notes_of(kind: str) -> tuple[str, ...]:
    """What else can be named, a line each."""
    notes = {
        "architectures": ("any timm id works, such as deit_small_patch16_224",),
        "encoders": (EVERY_TIMM_ID,),
        "probes": (
            "a probe of a study's own, {transform: {kind: ...}}, is made of a transform: "
            f"{', '.join(names_of('transforms'))} (`prettyuseful list transforms`)",
        ),
    }
    own = (_OWN.format(row=_ROWS[kind].row_type.__name__, kind=kind),) if _may_be_own(kind) else ()
    return (*notes.get(kind, ()), *own)


def check_of(kind: str) -> Check:
    """The check of a kind of class.

    Raises:
        UnknownNameError: another kind.
    """
    if kind not in CHECKS:
        raise UnknownNameError(
            f"unknown kind of class to check {kind!r}{did_you_mean(kind, CHECKS)}; known: {', '.join(CHECKS)}"
        )
    return CHECKS[kind]


def _named(rows: Registry[Any], name: str) -> str:
    row = rows[name]
    return str(row.summary) if name in rows else f"{row.name}: {row.summary}"


def _may_be_own(kind: str) -> bool:
    return kind in _ROWS and kind not in _NOT_OWN


def _first_sentence(source: type[Any]) -> str:
    text = " ".join((source.__doc__ or "").split())
    return re.split(r"\.\s+(?=[A-Z`])", text)[0].removesuffix(".")


def _about(model: Model) -> Iterator[str]:
    yield model.released or "embedded"
    if model.parameters is not None:
        yield f"{model.parameters:g} B"
    if model.size is not None:
        yield f"{model.size} px"
    if model.memory is not None:
        yield f"{max(model.memory):g} GB"
    if model.released:
        yield model.place
    if model.note:
        yield model.note
    yield f"licence: {model.licence}{', gated' if model.gated else ''}"
