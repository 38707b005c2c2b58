"""What a step reads from outside the store: where it is, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, JsonValue, SerializationInfo
from pydantic_core import CoreSchema, core_schema, to_jsonable_python

SourceT = TypeVar("SourceT", covariant=True)
KEYED = "keyed"
"""Under this name, the context of `model_dump` asks for what belongs in a key."""


@dataclass(frozen=True)
class Pinned(Generic[SourceT]):
    """A thing outside the store. `source` says where to find it, `content` what it is.

    Only `content` is in a step's key: a digest of files, the commit of a hub repository, a name with its version. So
    equal content under two paths is made once, and other content under one path is made again.
    """

    source: SourceT
    content: JsonValue

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(_written, info_arg=True)
        return core_schema.is_instance_schema(cls, serialization=written)


def _written(pinned: Pinned[Any], info: SerializationInfo) -> Any:
    if isinstance(info.context, dict) and info.context.get(KEYED):
        return pinned.content
    return {"source": to_jsonable_python(pinned.source), "content": pinned.content}
