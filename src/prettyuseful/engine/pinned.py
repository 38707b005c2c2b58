"""What a step reads from outside the store: where it is, and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from prettyuseful.engine.keys import files_fingerprint
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.files import model_files

SourceT = TypeVar("SourceT")
KEYED = "keyed"
"""Under this name, the context of `model_dump` asks for what belongs in a key."""


class Pinned(BaseModel, Generic[SourceT]):
    """A thing outside the store. `source` says where to find it, `content` what it is.

    Only `content` is in a step's key: a digest of files, the commit of a hub repository, a name with its version. So
    equal content under two paths is made once, and other content under one path is made again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: SourceT
    content: JsonValue

    @model_serializer(mode="wrap")
    def _serialise(self, whole: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        keyed = isinstance(info.context, dict) and info.context.get(KEYED)
        return self.content if keyed else whole(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # pydantic's classes of one type, such as Pinned[str], have no name that another process could find.
        return _restored, (self.__pydantic_generic_metadata__["args"], self.source, self.content)


def _restored(types: tuple[Any, ...], source: Any, content: JsonValue) -> Pinned[Any]:
    kind = Pinned[types] if types else Pinned  # type: ignore[valid-type]
    return kind.model_construct(source=source, content=content)


def pinned_model(name: str) -> Pinned[str]:
    """A model's folder by the content of its files, or a hub id (`owner/name`, `owner/name@revision`) by its commit.

    The source of a hub id names the commit, so that exactly this one is loaded; `content` is a dictionary.

    Raises:
        DataError: the hub has no such repository, or no such revision.
    """
    folder = Path(name)
    if folder.is_dir():
        return Pinned[str](source=name, content={"files": files_fingerprint(folder, model_files(folder))})
    commit = resolve(name)
    return Pinned[str](source=commit.id, content=dict(commit.content))
