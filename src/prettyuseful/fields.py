"""What the models of study files share: bare names for mappings, names of rows, and places beside the study's file."""

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
from prettyuseful.plugins import is_plugin, resolve_plugin_path
from prettyuseful.registry import Registry

_PATTERN = re.compile(r"[*?{\[].*\.(tar|parquet)$")


class BareName(BaseModel):
    """A model that a study file may also write as bare text: the value of `bare_field`, all others left out."""

    bare_field: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: Any) -> Any:
        return {cls.bare_field: value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core_schema))
        field = whole["properties"][cls.bare_field]
        texts = [part for part in field.get("anyOf", [field]) if part.get("type") != "null"]
        bare = [{k: v for k, v in part.items() if k not in ("default", "description", "title")} for part in texts]
        return {"anyOf": [*bare, whole]}


@dataclass(frozen=True, eq=False)
class RelativePlace:
    """Marks text of a study, in its annotation, that may name something beside the study's file.

    `resolve`: the text and the file's folder to what the text stands for there. `names`: texts that are names, whatever
    lies in the folder. `only_if`: on the model that holds the text; where it is false, the text is something else.
    """

    resolve: Callable[[str, Path], str]
    names: Container[str] = ()
    only_if: Callable[[Any], bool] | None = None

    def resolved(self, text: str, owner: BaseModel, folder: Path) -> str:
        """`text` of the model `owner`, made absolute where that is what it says."""
        if text in self.names or (self.only_if is not None and not self.only_if(owner)):
            return text
        return self.resolve(text, folder)


@dataclass(frozen=True, eq=False)
class OneOf:
    """Marks text that is one of the names `choices()`, which is asked anew for every check and every JSON schema."""

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
class RowName:
    """Marks text of a study, in its annotation, that names a row of `registry`, or a user's own as `module:OBJECT`.

    Other names are refused; a file of the user's is looked up beside the study's file.
    """

    registry: Registry[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Those that come with the package."""
        return tuple(self.registry.rows)

    def resolved(self, text: str, owner: BaseModel, folder: Path) -> str:  # noqa: ARG002
        return plugin(text, folder)

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


def any_path(text: str, folder: Path) -> str:
    """A file or folder, whether it is there or not."""
    return str(folder / text)


def existing_path(text: str, folder: Path) -> str:
    """A file or folder that is there; else a name, such as a hub id."""
    return str(folder / text) if (folder / text).exists() else text


def file_or_hub_id(text: str, folder: Path) -> str:
    """A file, whether it is there or not, unless the text can be the id of a model on the hub."""
    return existing_path(text, folder) if is_hub_id(text) and not text.endswith(WEIGHTS) else any_path(text, folder)


def existing_folder(text: str, folder: Path) -> str:
    """A folder that is there; else a name, such as a hub id."""
    return str(folder / text) if (folder / text).is_dir() else text


def images_or_plugin(text: str, folder: Path) -> str:
    """A user's own `module:OBJECT`, a pattern of shards, or a file or folder that is there; else a name."""
    if is_plugin(text):
        return resolve_plugin_path(text, folder)
    return any_path(text, folder) if _PATTERN.search(text) else existing_path(text, folder)


def plugin(text: str, folder: Path) -> str:
    """A user's own `module:OBJECT`, by its file if that is there; else a name."""
    return resolve_plugin_path(text, folder) if is_plugin(text) else text
