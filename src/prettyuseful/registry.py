"""Registries of what a study file can name: built-in rows, and user-defined rows named as `module:OBJECT`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, PrettyUsefulError, UnknownNameError, did_you_mean
from prettyuseful.plugins import is_plugin, load_plugin, plugin_fingerprint, plugin_id
from prettyuseful.redaction.exceptions import describe_error


class Row(Protocol):
    """A frozen object that describes one generator, task, recipe, metric or the like."""

    @property
    def name(self) -> str:
        """The name in study files, records and reports."""

    @property
    def summary(self) -> str:
        """One line of description, for `prettyuseful list`."""


RowT = TypeVar("RowT", bound=Row)
T = TypeVar("T")


def import_target(target: str | T) -> T:
    """Return `target` itself, or import it if it is text of the form "module:attribute".

    Rows name heavy code by such text, so that it is imported only when it is used.
    """
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return cast("T", getattr(import_module(module), attribute))


def find_row_problem(row: Any) -> str | None:
    """Return what is wrong with a user-defined row (an invalid name, a field of the wrong type), or None."""
    for field in fields(row):
        value = getattr(row, field.name)
        try:
            _field_validator(cast("type", type(row))).model_validate({field.name: value})
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            return f"{field.name} is {repr(value)[:_MAX_PRINTED]}: {message[:1].lower()}{message[1:]}"
        if is_dataclass(value) and not isinstance(value, type) and (problem := find_row_problem(value)):
            return f"{field.name}.{problem}"
    name = getattr(row, "name", "row")
    if not _NAME.fullmatch(name):
        return f"name is {name!r}; use letters, digits, '-', '_' and '.', and start with a letter or a digit"
    return None


@cache
def _field_validator(row_type: type) -> type[BaseModel]:
    """Return a pydantic model with the fields of a dataclass, all of them optional and type-checked."""
    hints = get_type_hints(row_type)
    types: dict[str, Any] = {field.name: (hints[field.name], None) for field in fields(row_type)}
    strict = ConfigDict(arbitrary_types_allowed=True, strict=True)
    return create_model(f"{row_type.__name__}Fields", __config__=strict, **types)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_PRINTED = 80


class Registry(Generic[RowT]):
    """The rows of one kind, by name and in order.

    Users name rows of their own as `module:OBJECT` or `file.py:OBJECT`.
    """

    def __init__(self, kind: str, row_type: type[RowT], rows: Iterable[RowT]) -> None:
        self.kind, self.row_type = kind, row_type
        self.rows: dict[str, RowT] = {row.name: row for row in rows}

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows.values())

    def __contains__(self, name: object) -> bool:
        """Whether `name` is a built-in row."""
        return name in self.rows

    def __getitem__(self, name: str) -> RowT:
        """Return the built-in row of that name, or import the user-defined row `module:OBJECT`.

        Raises:
            UnknownNameError: the name is unknown, the object cannot be imported, or it is not a valid row of this kind.
        """
        self.check(name)
        if name in self.rows:
            return self.rows[name]
        row = load_plugin(name)
        if not isinstance(row, self.row_type):
            raise UnknownNameError(
                f"{plugin_id(name)!r} has the type {type(row).__name__}, but a user-defined {self.kind} must have the "
                f"type {self.row_type.__name__}; write NAME = {self.row_type.__name__}(...) in that file"
            )
        if problem := find_row_problem(row):
            raise UnknownNameError(f"{self.kind} {plugin_id(name)}: {problem}")
        return row

    def label(self, name: str) -> str:
        """Return the name used in records and reports; for `module:OBJECT` it is the name in the row."""
        return self[name].name if name not in self.rows and is_plugin(name) else name

    def check_unique_labels(self, names: Iterable[str], reserved: Iterable[str] = ()) -> None:
        """Raise UnknownNameError if a user-defined row has the label of another row.

        Args:
            names: the names that a study uses together.
            reserved: further labels that a user-defined row must not have.
        """
        names = list(dict.fromkeys(names))
        built_in = [*self.rows, *reserved, *(name for name in names if not is_plugin(name))]
        used_labels = dict.fromkeys(built_in, f"another {self.kind}")
        for name in names:
            if name not in self.rows and is_plugin(name):
                label = self.label(name)
                if label in used_labels:
                    raise UnknownNameError(
                        f"the {self.kind} {plugin_id(name)!r} has the name {label!r}, which {used_labels[label]} "
                        "already has; give the row another name, because results are listed by name"
                    )
                used_labels[label] = repr(plugin_id(name))

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Turn an exception of user-defined code into a DataError: one line that names the row."""
        try:
            yield
        except (PrettyUsefulError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # user-defined code may raise anything
            if name in self.rows or not is_plugin(name):
                raise
            raise DataError(f"{self.kind} {plugin_id(name)}: {describe_error(error)}") from error

    def pin(self, name: str) -> Pinned[str]:
        """Return what identifies the row in a step's key: its name, or the content of the user's file."""
        return Pinned(source=name, content=name if name in self.rows else plugin_fingerprint(name))

    def check(self, name: str, extra_names: Iterable[str] = ()) -> None:
        """Raise UnknownNameError unless `name` is a row, one of `extra_names`, or has the form `module:OBJECT`."""
        known = list(dict.fromkeys([*self.rows, *extra_names]))
        if name not in known and not is_plugin(name):
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}, or your own as "
                "module:OBJECT"
            )
