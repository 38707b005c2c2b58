"""The types of study files: a `Slot` describes the values that a field accepts, derived from its annotation."""

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

from prettyuseful.fields import BareName, ChoiceOf, RegisteredName

Shape = Literal["mapping", "list", "scalar"]
_SHAPES: frozenset[Shape] = frozenset(("mapping", "list", "scalar"))


def shape_of(value: object) -> Shape:
    """Return the YAML shape of a value."""
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes) else "scalar"


@dataclass(frozen=True)
class Slot:
    """The values that one field, list item or mapping entry accepts.

    `type`: the annotation without `Annotated` and `None`; a union if there are several branches. `metadata`: the
    metadata of `Annotated` and `Field`. `tag`: the discriminator value of a branch of a tagged union.
    """

    type: Any
    metadata: tuple[Any, ...] = ()
    tag: str | None = field(default=None, compare=False)

    @classmethod
    def from_annotation(cls, annotation: Any, metadata: Sequence[Any] = ()) -> Slot:
        """Create a slot from a type annotation; aliases, `Annotated` and optional types are unwrapped."""
        collected = [*_flatten(metadata)]
        while True:
            if isinstance(annotation, TypeAliasType):
                annotation = annotation.__value__
            elif get_origin(annotation) is Annotated:
                annotation, *more = get_args(annotation)
                collected += _flatten(more)
            elif _is_union(annotation) and len(members := _members(annotation)) == 1:
                annotation = members[0]
            else:
                return cls(annotation, tuple(collected))

    @property
    def origin(self) -> Any:
        """The type without its type parameters."""
        return get_origin(self.type) or self.type

    @property
    def model(self) -> type[BaseModel] | None:
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def fields(self) -> dict[str, Slot]:
        """The slots of a model, by key; empty for other types."""
        if self.model is None:
            return {}
        return {self.model.model_fields[name].alias or name: slot for name, slot in slots_of(self.model).items()}

    @property
    def required(self) -> list[str]:
        """The required keys of a model."""
        infos = self.model.model_fields if self.model else {}
        return [info.alias or name for name, info in infos.items() if info.is_required()]

    @property
    def values(self) -> Slot | None:
        """The slot of the values of a mapping; None for other types."""
        if not _is_subclass(self.origin, Mapping):
            return None
        return Slot.from_annotation((get_args(self.type) or (Any, Any))[1])

    @property
    def is_list(self) -> bool:
        return _is_subclass(self.origin, Sequence | AbstractSet) and not _is_subclass(self.origin, str | bytes)

    @property
    def items(self) -> tuple[Slot, ...] | None:
        """The slots of a list of fixed length; None for other types."""
        parts = get_args(self.type)
        if self.origin is not tuple or not parts or parts[-1] is Ellipsis:
            return None
        return tuple(Slot.from_annotation(part) for part in parts)

    def item(self, index: int) -> Slot:
        """Return the slot of a list item."""
        if self.items is not None:
            return self.items[index] if index < len(self.items) else Slot(Any)
        return Slot.from_annotation((get_args(self.type) or (Any,))[0])

    @cached_property
    def branches(self) -> tuple[Slot, ...]:
        """The alternatives of a union, with tags if it has a discriminator; empty for other types."""
        if not _is_union(self.type):
            return ()
        branches = tuple(Slot.from_annotation(member) for member in _members(self.type))
        if self.discriminator is None:
            return branches
        return tuple(replace(branch, tag=tag) for branch in branches for tag in _tags(branch, self.discriminator))

    @property
    def discriminator(self) -> str | None:
        """The key whose value selects the branch of a union; empty if a function selects it, None if neither does."""
        discriminators = [part.discriminator for part in self.metadata if isinstance(part, Discriminator)]
        if not discriminators:
            return None
        return discriminators[0] if isinstance(discriminators[0], str) else ""

    @property
    def shapes(self) -> frozenset[Shape]:
        """The YAML shapes that a value may have."""
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
        """The enumerated values and registered names of all branches."""
        if self.branches:
            return tuple(value for branch in self.branches for value in branch.literals)
        if self.origin is Literal:
            return get_args(self.type)
        return tuple(
            name for part in self.metadata if isinstance(part, RegisteredName | ChoiceOf) for name in part.names
        )

    @property
    def registered_names(self) -> tuple[str, ...]:
        """The names of a registry; user-defined objects (module:OBJECT) are also accepted."""
        return tuple(name for part in self.metadata if isinstance(part, RegisteredName) for name in part.names)

    def constraint(self, name: str) -> Any:
        """Return a constraint such as `ge` or `min_length`, or None."""
        return next((value for part in self.metadata if (value := getattr(part, name, None)) is not None), None)


@cache
def slots_of(model: type[BaseModel]) -> dict[str, Slot]:
    """Return the slots of a model, by attribute name."""
    return {name: Slot.from_annotation(info.annotation, [info]) for name, info in model.model_fields.items()}


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _members(union: Any) -> list[Any]:
    return [member for member in get_args(union) if member is not types.NoneType]


def _is_subclass(origin: Any, kind: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)


def _flatten(metadata: Sequence[Any]) -> Iterator[Any]:
    for part in metadata:
        if isinstance(part, FieldInfo):
            yield from _flatten(part.metadata)
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
