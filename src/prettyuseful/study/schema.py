"""The schema of study files as pydantic knows it: what may stand in a place, read off the models' annotations."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from prettyuseful.fields import BareName, OneOf, RowName

Shape = Literal["mapping", "list", "scalar"]
_SHAPES: frozenset[Shape] = frozenset(("mapping", "list", "scalar"))


def shape_of(value: object) -> Shape:
    """What a value of a YAML file is."""
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes) else "scalar"


@dataclass(frozen=True)
class Slot:
    """What may stand in one place.

    `type`: without Annotated and without None; a union if it has several branches. `metadata`: of Annotated and Field.
    `tag`: of a branch of a union with a discriminator.
    """

    type: Any
    metadata: tuple[Any, ...] = ()
    tag: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, annotation: Any, metadata: Sequence[Any] = ()) -> Slot:
        """Of an annotation as it is written, aliases and all."""
        found = [*_flat(metadata)]
        while True:
            if isinstance(annotation, TypeAliasType):
                annotation = annotation.__value__
            elif get_origin(annotation) is Annotated:
                annotation, *more = get_args(annotation)
                found += _flat(more)
            elif _is_union(annotation) and len(members := _members(annotation)) == 1:
                annotation = members[0]
            else:
                return cls(annotation, tuple(found))

    @property
    def origin(self) -> Any:
        """The type without its parameters."""
        return get_origin(self.type) or self.type

    @property
    def model(self) -> type[BaseModel] | None:
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def fields(self) -> dict[str, Slot]:
        """Of a model: what may stand under each of its keys."""
        if self.model is None:
            return {}
        return {self.model.model_fields[name].alias or name: slot for name, slot in slots_of(self.model).items()}

    @property
    def required(self) -> list[str]:
        """Of a model: the keys that must be there."""
        infos = self.model.model_fields if self.model else {}
        return [info.alias or name for name, info in infos.items() if info.is_required()]

    @property
    def values(self) -> Slot | None:
        """Of a dictionary: what may stand under each of its keys."""
        if not _is_a(self.origin, Mapping):
            return None
        return Slot.of((get_args(self.type) or (Any, Any))[1])

    @property
    def is_list(self) -> bool:
        return _is_a(self.origin, Sequence | AbstractSet) and not _is_a(self.origin, str | bytes)

    @property
    def items(self) -> tuple[Slot, ...] | None:
        """Of a list of fixed length: what may stand in each place."""
        parts = get_args(self.type)
        if self.origin is not tuple or not parts or parts[-1] is Ellipsis:
            return None
        return tuple(Slot.of(part) for part in parts)

    def item(self, place: int) -> Slot:
        """Of a list: what may stand at a place of it."""
        if self.items is not None:
            return self.items[place] if place < len(self.items) else Slot(Any)
        return Slot.of((get_args(self.type) or (Any,))[0])

    @cached_property
    def branches(self) -> tuple[Slot, ...]:
        """Of a union: what may stand here instead of each other; with tags, if a discriminator tells which."""
        if not _is_union(self.type):
            return ()
        branches = tuple(Slot.of(member) for member in _members(self.type))
        if self.discriminator is None:
            return branches
        return tuple(replace(branch, tag=tag) for branch in branches for tag in _tags(branch, self.discriminator))

    @property
    def discriminator(self) -> str | None:
        """The key whose value tells the branch of a union; an empty string if it is not one key that tells it."""
        found = [part for part in self.metadata if isinstance(part, Discriminator)]
        if not found:
            return None
        return found[0].discriminator if isinstance(found[0].discriminator, str) else ""

    @property
    def shapes(self) -> frozenset[Shape]:
        """What a value may be, going by its outermost type."""
        if self.branches:
            return frozenset().union(*(branch.shapes for branch in self.branches))
        if self.model:
            return frozenset(("mapping", "scalar") if issubclass(self.model, BareName) else ("mapping",))
        if self.values:
            return frozenset(("mapping",))
        if self.is_list:
            return frozenset(("list",))
        return _SHAPES if self.type is Any else frozenset(("scalar",))

    @property
    def literals(self) -> tuple[Any, ...]:
        """The values that can be spelled out, of all branches."""
        if self.branches:
            return tuple(value for branch in self.branches for value in branch.literals)
        if self.origin is Literal:
            return get_args(self.type)
        return tuple(name for part in self.metadata if isinstance(part, RowName | OneOf) for name in part.names)

    @property
    def row_names(self) -> tuple[str, ...]:
        """The names of a registry's rows, beside which a user's own may stand."""
        return tuple(name for part in self.metadata if isinstance(part, RowName) for name in part.names)

    def constraint(self, name: str) -> Any:
        """A bound, such as `ge` or `min_length`, or None."""
        return next((value for part in self.metadata if (value := getattr(part, name, None)) is not None), None)


@cache
def slots_of(model: type[BaseModel]) -> dict[str, Slot]:
    """What may stand in the attributes of a model, by their names in Python."""
    return {name: Slot.of(info.annotation, [info]) for name, info in model.model_fields.items()}


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _members(union: Any) -> list[Any]:
    return [member for member in get_args(union) if member is not types.NoneType]


def _is_a(origin: Any, kind: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    for part in metadata:
        if isinstance(part, FieldInfo):
            yield from _flat(part.metadata)
            if isinstance(part.discriminator, str):
                yield Discriminator(part.discriminator)
            elif part.discriminator is not None:
                yield part.discriminator
        elif isinstance(part, GroupedMetadata):
            yield from part
        else:
            yield part


def _tags(branch: Slot, discriminator: str) -> list[str]:
    if branch.branches:
        return [tag for inner in branch.branches for tag in _tags(inner, discriminator)]
    named = [part.tag for part in branch.metadata if isinstance(part, Tag)]
    if named or branch.model is None or discriminator not in branch.fields:
        return named
    return [str(value) for value in branch.fields[discriminator].literals]
