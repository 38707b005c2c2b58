"""The names that study files can use, each with a line on what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prettyuseful import registry
from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.generators.models import MODELS, Model
from prettyuseful.metrics.rows import METRICS
from prettyuseful.studies import BUNDLED


def names_of(kind: str, more: Sequence[str] = ()) -> dict[str, str]:
    """Name -> summary of every name of a kind: `generators`, `tasks`, `encoders`, `metrics` and so on.

    `more`: objects of the user's, as `module:OBJECT`, which follow under that name.

    Raises:
        UnknownNameError: another kind, or an object that is not there or describes no such thing.
    """
    tables = {
        "tasks": registry.TASKS,
        "prompts": registry.PROMPTS,
        "architectures": registry.ARCHITECTURES,
        "recipes": registry.RECIPES,
        "probes": registry.PROBES,
        "encoders": registry.ENCODERS,
    }
    known = ["generators", *tables, "metrics", "studies"]
    if kind == "metrics":
        own = {name: f"{METRICS[name].name}: {METRICS[name].summary}" for name in more}
        return {metric.name: metric.summary for metric in METRICS} | own
    if kind == "generators":
        return {model.id: "; ".join(_about(model)) for model in MODELS.values()}
    if kind == "studies":
        return dict(BUNDLED)
    if kind not in tables:
        raise UnknownNameError(f"nothing to list under {kind!r}{did_you_mean(kind, known)}; known: {', '.join(known)}")
    return {name: entry.summary for name, entry in tables[kind].entries.items()}


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
