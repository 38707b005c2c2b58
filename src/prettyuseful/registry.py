"""Names for study files: the rows of each kind of extensible thing, and users' own as `module:OBJECT`."""

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
from prettyuseful.errors import DataError, PrettyUsefulError, UnknownNameError, did_you_mean, one_line
from prettyuseful.plugins import is_plugin, load_plugin, plugin_fingerprint, plugin_id


class Row(Protocol):
    """The frozen object that describes one extensible thing; everything else derives from it."""

    @property
    def name(self) -> str:
        """What study files, records and reports call it."""

    @property
    def summary(self) -> str:
        """One line on what it is, for `prettyuseful list`."""


RowT = TypeVar("RowT", bound=Row)
T = TypeVar("T")


def loaded(target: str | T) -> T:
    """What a row holds, or names as "module:attribute" so that it is imported only when it is needed."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return cast("T", getattr(import_module(module), attribute))


def row_problem(row: Any) -> str | None:
    """What is wrong with a row that anyone may have written: a name that no file can bear, a field of another type."""
    for field in fields(row):
        value = getattr(row, field.name)
        try:
            _checks_of(cast("type", type(row))).model_validate({field.name: value})
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            return f"{field.name} is {repr(value)[:_SHOWN]}: {said[:1].lower()}{said[1:]}"
        if is_dataclass(value) and not isinstance(value, type) and (problem := row_problem(value)):
            return f"{field.name}.{problem}"
    name = getattr(row, "name", "row")
    if not _NAME.fullmatch(name):
        return f"name is {name!r}; use letters, digits, '-', '_' and '.', and begin with a letter or a digit"
    return None


@cache
def _checks_of(row_type: type) -> type[BaseModel]:
    """A model whose fields, all optional, have the types of a dataclass."""
    hints = get_type_hints(row_type)
    types: dict[str, Any] = {field.name: (hints[field.name], None) for field in fields(row_type)}
    strict = ConfigDict(arbitrary_types_allowed=True, strict=True)
    return create_model(f"{row_type.__name__}Fields", __config__=strict, **types)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN = 80


class Registry(Generic[RowT]):
    """The rows of one kind of thing by name, in order. Users add their own as `module:OBJECT` or `file.py:OBJECT`."""

    def __init__(self, kind: str, row_type: type[RowT], rows: Iterable[RowT]) -> None:
        self.kind, self.row_type = kind, row_type
        self.rows: dict[str, RowT] = {row.name: row for row in rows}

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows.values())

    def __contains__(self, name: object) -> bool:
        """Whether a row comes with the package under that name."""
        return name in self.rows

    def __getitem__(self, name: str) -> RowT:
        """The row of a name, or the user's own.

        Raises:
            UnknownNameError: no such row; an own one that cannot be imported, or is no row of this kind.
        """
        self.check(name)
        if name in self.rows:
            return self.rows[name]
        found = load_plugin(name)
        if not isinstance(found, self.row_type):
            raise UnknownNameError(
                f"{plugin_id(name)!r} is of the type {type(found).__name__}; what describes your own {self.kind} is of "
                f"the type {self.row_type.__name__}: write NAME = {self.row_type.__name__}(...) in that file"
            )
        if problem := row_problem(found):
            raise UnknownNameError(f"{self.kind} {plugin_id(name)}: {problem}")
        return found

    def label(self, name: str) -> str:
        """What records and reports call it: the name in the row of a user's own, or else the name itself."""
        return self[name].name if name not in self.rows and is_plugin(name) else name

    def check_labels(self, names: Iterable[str], also: Iterable[str] = ()) -> None:
        """Raises UnknownNameError if a user's own row is called what another of `names`, a row or one of `also` is."""
        names = list(dict.fromkeys(names))
        taken = dict.fromkeys([*self.rows, *also, *(name for name in names if not is_plugin(name))], "another here")
        for name in names:
            if name not in self.rows and is_plugin(name):
                label = self.label(name)
                if label in taken:
                    raise UnknownNameError(
                        f"the {self.kind} {plugin_id(name)!r} is called {label!r}, as is {taken[label]}, and results "
                        "go by that name; give the row another name"
                    )
                taken[label] = repr(plugin_id(name))

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Around calls of what a user's own row holds: what it raises becomes one line that names it (DataError)."""
        try:
            yield
        except PrettyUsefulError:
            raise
        except (Exception, SystemExit) as error:  # a function of a user may do anything
            if name in self.rows or not is_plugin(name):
                raise
            said = one_line(str(error))
            raise DataError(f"{self.kind} {plugin_id(name)}: {type(error).__name__}: {said}") from error

    def pinned(self, name: str) -> Pinned[str]:
        """What stands for a row in keys: its name, or the content of the user's file."""
        return Pinned(source=name, content=name if name in self.rows else plugin_fingerprint(name))

    def check(self, name: str, also: Iterable[str] = ()) -> None:
        """Raises UnknownNameError with the nearest name, unless a row or `module:OBJECT` can be meant.

        `also`: names that are good beside those of the rows.
        """
        known = list(dict.fromkeys([*self.rows, *also]))
        if name not in known and not is_plugin(name):
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}, or your own as "
                "module:OBJECT"
            )
