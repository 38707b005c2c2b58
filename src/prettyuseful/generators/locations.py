"""Where files of models are: on this machine, or in a repository of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import ConfigDict, Field, model_validator

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.fields import BareName, RelativePath, resolve_existing_path
from prettyuseful.hub.files import pin_model_source
from prettyuseful.hub.ids import is_hub_id, split_revision
from prettyuseful.paths import exists, is_folder


class Location(BareName):
    """A path of this machine (`path`) or a repository of the hub (`id`)."""

    bare_field: ClassVar[str] = "path"
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    path: Annotated[str, RelativePath(resolve_existing_path)] | None = Field(
        None, min_length=1, description="a folder; as plain text also a hub id"
    )
    id: str | None = Field(None, description="a hub id, owner/name or owner/name@revision")

    @model_validator(mode="after")
    def _has_one_location(self) -> Location:
        if (self.path is None) == (self.id is None):
            raise ValueError("set exactly one of path and id")
        if self.id is not None and not is_hub_id(self.id):
            raise ValueError(f"id: {self.id!r} is not a hub id; expected owner/name or owner/name@revision")
        return self

    @property
    def location(self) -> str:
        """The path or the hub id."""
        return self.path or self.id or ""

    @property
    def on_hub(self) -> bool:
        """Whether the location is a hub id: plain text may be one, unless such a file exists."""
        return self.id is not None or (is_hub_id(self.location) and not exists(self.location))

    @property
    def shown(self) -> str:
        """The location for messages and records, without the folders of this machine."""
        return self.location if self.on_hub else Path(self.location).name

    @property
    def repository(self) -> tuple[str, str | None]:
        """The repository and its revision, None for the newest; or the path, and None."""
        return split_revision(self.location)


LocationT = TypeVar("LocationT", bound=Location)


def pin_folder(location: LocationT, field: str) -> Pinned[LocationT]:
    """Pin a folder to the content of its files, or a repository of the hub to its commit.

    Args:
        location: as the study names it.
        field: the name of its field in messages.

    Raises:
        DataError: there is no such folder, repository or revision.
    """
    if not location.on_hub and not is_folder(location.location):
        raise DataError(f"{field}: {location.location} is not a folder; correct path, or give id")
    pinned = pin_model_source(location.location)
    path = None if location.on_hub else str(Path(location.location).absolute())
    place = {"path": path, "id": pinned.source if location.on_hub else None}
    return Pinned(source=location.model_copy(update=place), content=pinned.content)
