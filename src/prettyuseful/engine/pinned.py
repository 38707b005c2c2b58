"""References from steps to things outside the store, by location and by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import JsonValue, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

SourceT = TypeVar("SourceT", covariant=True)
KEY_CONTEXT = "keyed"
"""Set this name in the context of `model_dump` to get only what belongs in a key."""


@dataclass(frozen=True)
class Pinned(Generic[SourceT]):
    """A thing outside the store: `source` is its location, `content` identifies it.

    Only `content` is in a step's key: a digest of files, the commit of a hub repository, or a name with its version. So
    equal content under two paths is computed once, and changed content under one path is computed again.
    """

    source: SourceT
    content: JsonValue

    @model_serializer(mode="wrap")
    def _serialize(self, whole: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        for_key = isinstance(info.context, dict) and info.context.get(KEY_CONTEXT)
        return self.content if for_key else whole(self)
