"""Relative paths in a study file, resolved from the folder of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from prettyuseful.fields import RegisteredName, RelativePath
from prettyuseful.study.file import Study
from prettyuseful.study.schema import Slot, slots_of

ModelT = TypeVar("ModelT", bound=BaseModel)


def resolve_paths(study: Study, folder: Path) -> Study:
    """Return the study with the paths of its folders, files and modules made absolute if they exist below `folder`.

    `RelativePath` and `RegisteredName` mark these fields in the models.
    """
    return _resolve_model(study, folder)


def _resolve_model(model: ModelT, folder: Path) -> ModelT:
    changes: dict[str, Any] = {}
    for name, slot in slots_of(type(model)).items():
        value = getattr(model, name)
        if (resolved := _resolve_value(value, slot, model, folder)) != value:
            changes[name] = resolved
    return model.model_copy(update=changes) if changes else model


def _resolve_value(value: Any, slot: Slot, owner: BaseModel, folder: Path) -> Any:
    """Resolve a value of the model `owner`; `slot` is its type."""
    match value:
        case str():
            for mark in _marks(slot):
                value = mark.make_absolute(value, owner, folder)
            return value
        case BaseModel():
            return _resolve_model(value, folder)
        case Mapping():
            inner = next((branch.values for branch in _branches(slot) if branch.values), Slot(Any))
            return {key: _resolve_value(part, inner, owner, folder) for key, part in value.items()}
        case tuple():
            list_slot = next((branch for branch in _branches(slot) if branch.is_list), Slot(Any))
            return tuple(_resolve_value(part, list_slot.item(i), owner, folder) for i, part in enumerate(value))
    return value


def _marks(slot: Slot) -> Iterator[RelativePath | RegisteredName]:
    for branch in {id(branch): branch for branch in (slot, *_branches(slot))}.values():
        yield from (part for part in branch.metadata if isinstance(part, RelativePath | RegisteredName))


def _branches(slot: Slot) -> Iterator[Slot]:
    """Yield the slot itself, or all alternatives of a union."""
    if not slot.branches:
        yield slot
    for branch in slot.branches:
        yield from _branches(branch)
