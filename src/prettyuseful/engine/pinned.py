"""What a step reads from outside the store: where it is, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import JsonValue, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

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

    @model_serializer(mode="wrap")
    def _written(self, whole: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        keyed = isinstance(info.context, dict) and info.context.get(KEYED)
        return self.content if keyed else whole(self)
