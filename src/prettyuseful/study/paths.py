"""A study's relative places, looked up from the folder of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from prettyuseful.fields import RelativePlace, RowName
from prettyuseful.study.file import Study
from prettyuseful.study.schema import Slot, slots_of

ModelT = TypeVar("ModelT", bound=BaseModel)


def resolve_paths(study: Study, folder: Path) -> Study:
    """The study, its folders, files and modules made absolute where they are found below `folder`.

    Which texts these are is marked in the schema, by `RelativePlace` and `RowName`.
    """
    return _resolved_model(study, folder)


def _resolved_model(model: ModelT, folder: Path) -> ModelT:
    changes: dict[str, Any] = {}
    for name, slot in slots_of(type(model)).items():
        value = getattr(model, name)
        if (resolved := _resolved(value, slot, model, folder)) != value:
            changes[name] = resolved
    return model.model_copy(update=changes) if changes else model


def _resolved(value: Any, slot: Slot, owner: BaseModel, folder: Path) -> Any:
    """`value` of the model `owner`, where `slot` may stand."""
    match value:
        case str():
            for mark in _marks(slot):
                value = mark.resolved(value, owner, folder)
            return value
        case BaseModel():
            return _resolved_model(value, folder)
        case Mapping():
            inner = next((branch.values for branch in _branches(slot) if branch.values), Slot(Any))
            return {key: _resolved(part, inner, owner, folder) for key, part in value.items()}
        case tuple():
            whole = next((branch for branch in _branches(slot) if branch.is_list), Slot(Any))
            return tuple(_resolved(part, whole.item(i), owner, folder) for i, part in enumerate(value))
    return value


def _marks(slot: Slot) -> Iterator[RelativePlace | RowName]:
    for one in {id(part): part for part in (slot, *_branches(slot))}.values():
        yield from (part for part in one.metadata if isinstance(part, RelativePlace | RowName))


def _branches(slot: Slot) -> Iterator[Slot]:
    """The slot itself, or what may stand there instead of each other."""
    if not slot.branches:
        yield slot
    for branch in slot.branches:
        yield from _branches(branch)
