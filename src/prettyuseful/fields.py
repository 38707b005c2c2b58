"""Building blocks of the study models: bare names instead of mappings, names of rows, and relative paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from prettyuseful.errors import UnknownNameError
from prettyuseful.hub.ids import WEIGHTS, is_hub_id
from prettyuseful.paths import exists, is_folder
from prettyuseful.plugins import is_plugin, resolve_plugin_path
from prettyuseful.registry import Registry

_SHARD_PATTERN = re.compile(r"[*?{\[].*\.(tar|parquet)$")


class BareName(BaseModel):
    """A model that a study file may also write as plain text, which then is the value of the field `bare_field`."""

    bare_field: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: Any) -> Any:
        return {cls.bare_field: value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        mapping = handler.resolve_ref_schema(schema)
        if "properties" not in mapping:  # the model occurs twice, and its first schema is used
            return schema
        field = mapping["properties"][cls.bare_field]
        options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
        bare = [{k: v for k, v in part.items() if k not in ("default", "description", "title")} for part in options]
        return {"anyOf": [*bare, mapping]}


@dataclass(frozen=True, eq=False)
class RelativePath:
    """Annotation of a study field whose text may be a path relative to the folder of the study file.

    Attributes:
        resolve: returns what the text stands for, given the text and the folder of the study file.
        names: texts that are always names, even if the folder contains a file of that name.
        only_if: takes the model that holds the field; where it returns False, the text is not a path.
    """

    resolve: Callable[[str, Path], str]
    names: Container[str] = ()
    only_if: Callable[[Any], bool] | None = None

    def make_absolute(self, text: str, owner: BaseModel, folder: Path) -> str:
        """Return `text`, a field of the model `owner`, with a relative path made absolute."""
        if text in self.names or (self.only_if is not None and not self.only_if(owner)):
            return text
        return self.resolve(text, folder)


@dataclass(frozen=True, eq=False)
class ChoiceOf:
    """Annotation of a field whose text is one of `choices()`, which is called for every validation and JSON schema."""

    choices: Callable[[], Sequence[str]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.choices())

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": [*self.names]}

    def _checked(self, name: str) -> str:
        if name not in self.names:
            raise PydanticKnownError("literal_error", {"expected": " or ".join(map(repr, self.names))})
        return name


@dataclass(frozen=True, eq=False)
class RegisteredName:
    """Annotation of a study field that names a row of `registry`, or a user-defined row as `module:OBJECT`.

    Other names are rejected. A relative `file.py` is resolved from the folder of the study file.
    """

    registry: Registry[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the built-in rows."""
        return tuple(self.registry.rows)

    def make_absolute(self, text: str, owner: BaseModel, folder: Path) -> str:  # noqa: ARG002
        return resolve_plugin(text, folder)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [*self.names]}, {**handler(schema), "pattern": r"^.+:[A-Za-z_]\w*$"}]}

    def _checked(self, name: str) -> str:
        try:
            self.registry.check(name)
        except UnknownNameError as error:
            raise PydanticCustomError("unknown_name", "{reason}", {"reason": str(error)}) from None
        return name


def resolve_path(text: str, folder: Path) -> str:
    """Return the absolute path, whether it exists or not."""
    return str(folder / text)


def resolve_existing_path(text: str, folder: Path) -> str:
    """Return the absolute path if it exists; otherwise `text`, which is a name such as a hub id."""
    return str(folder / text) if exists(folder / text) else text


def resolve_file_or_hub_id(text: str, folder: Path) -> str:
    """Return the absolute path, unless it does not exist and `text` has the form of a hub id."""
    return (
        resolve_existing_path(text, folder)
        if is_hub_id(text) and not text.endswith(WEIGHTS)
        else resolve_path(text, folder)
    )


def resolve_existing_folder(text: str, folder: Path) -> str:
    """Return the absolute path if it is a folder; otherwise `text`, which is a name such as a hub id."""
    return str(folder / text) if is_folder(folder / text) else text


def resolve_images_or_plugin(text: str, folder: Path) -> str:
    """Resolve a `module:OBJECT`, a shard pattern, or an existing file or folder; return other text unchanged."""
    if is_plugin(text):
        return resolve_plugin_path(text, folder)
    return resolve_path(text, folder) if _SHARD_PATTERN.search(text) else resolve_existing_path(text, folder)


def resolve_plugin(text: str, folder: Path) -> str:
    """Resolve the file of a `module:OBJECT`; return any other text unchanged."""
    return resolve_plugin_path(text, folder) if is_plugin(text) else text
