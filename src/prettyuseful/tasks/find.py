"""From what a study file says to a task."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prettyuseful.registry import TASKS
from prettyuseful.tasks.base import Task


class TaskSource(BaseModel):
    """A named task, or a folder with `train/<class>` and `test/<class>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str | None = Field(None, description="a task that `prettyuseful list tasks` shows")
    folder: str | None = Field(None, description="an ImageFolder tree with train/<class> and test/<class>")
    licence: str = Field("not stated", description="licence of a folder's images, for the report")

    @model_validator(mode="after")
    def _one_source(self) -> TaskSource:
        if (self.name is None) == (self.folder is None):
            raise ValueError("give either a name or a folder")
        return self

    def open(self) -> Task:
        """The task itself.

        Raises:
            UnknownNameError: no such name.
            DataError: the folder is not a task.
        """
        if self.folder is not None:
            from prettyuseful.tasks.folder import FolderTask

            return FolderTask(Path(self.folder), self.licence)
        return cast("Task", TASKS[str(self.name)].load()())
