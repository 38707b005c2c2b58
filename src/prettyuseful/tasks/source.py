"""The `task` section of a study file, and the task that it describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, model_validator

from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.fields import (
    BareName,
    RelativePath,
    resolve_existing_folder,
    resolve_images_or_plugin,
    resolve_path,
    resolve_plugin,
)
from prettyuseful.plugins import is_plugin
from prettyuseful.registry import Registry, import_target
from prettyuseful.tasks.base import Task
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.huggingface import HubData, hub_task
from prettyuseful.tasks.real import HOLD_OUT, RealTask


@dataclass(frozen=True)
class NamedTask:
    """A task that studies refer to by name. A user-defined task is such a row too, named by `file.py:OBJECT`.

    `make`: function that returns the task, or its import path "module:attribute". `takes_images`: the user provides the
    images, and `make` receives them as a folder (`Path`) or a data set (`HubData`).
    """

    name: str
    summary: str
    make: Callable[..., Task] | str
    takes_images: bool = False


TASKS = Registry(
    "task",
    NamedTask,
    (
        NamedTask(
            "photos",
            "crops of 16 bundled photographs, 32 px, no download",
            "prettyuseful.tasks.photos:PhotosTask",
        ),
        NamedTask(
            "imagenet-200",
            "the paper's 200 ImageNet classes; you provide the images (folder or huggingface)",
            "prettyuseful.tasks.imagenet:imagenet_200",
            takes_images=True,
        ),
        NamedTask(
            "imagenet-1k",
            "all 1,000 ImageNet classes; you provide the images (folder or huggingface)",
            "prettyuseful.tasks.imagenet:imagenet_1k",
            takes_images=True,
        ),
    ),
)

_TEST_IMAGES = RelativePath(resolve_images_or_plugin, only_if=lambda task: task.real is not None)


class TaskSource(BareName):
    """The real images: a named task, a folder with `train/<class>` and `test/<class>`, a Hugging Face data set, or
    unsplit real images, of which some are held out for tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePath(resolve_plugin)] | None = Field(
        None, description="a task of `prettyuseful list tasks`, or module:OBJECT"
    )
    folder: Annotated[str, RelativePath(resolve_path)] | None = Field(
        None,
        description="an ImageFolder tree with train/<class> and test/<class>; for an imagenet task, train/<synset> and "
        "val/<synset>",
    )
    huggingface: Annotated[str, RelativePath(resolve_existing_folder)] | None = Field(
        None, description="hub id, optionally with @revision, or local folder of an image classification data set"
    )
    real: Annotated[str, RelativePath(resolve_images_or_plugin)] | None = Field(
        None,
        description="real images (class folders, .tar shards or Parquet files); some are held out for tests, unless "
        "test gives test images",
    )
    groups: Annotated[str, RelativePath(resolve_path)] | None = Field(
        None,
        description="a .csv, .tsv or .jsonl file with the path and group of each image of real and test; groups are "
        "resampled and split as a whole; by default, near-duplicates form a group",
    )
    hold_out: float = Field(HOLD_OUT, gt=0, le=0.5, description="share of real to test on, by whole groups")
    image: str = Field("image", description="column of images in the Hugging Face data set")
    label: str = Field("label", description="column of labels in the Hugging Face data set: a ClassLabel or strings")
    train: str = Field("train", description="split of the Hugging Face data set to train on")
    test: Annotated[str, _TEST_IMAGES] | None = Field(
        None,
        description="with huggingface: split to test on (default: test; for imagenet tasks: validation); with real: "
        "path of the test images",
    )
    licence: str = Field("not stated", description="licence of the images, for the report")

    @model_validator(mode="after")
    def _check_fields(self) -> TaskSource:
        self._check_image_source()
        hub_fields = ("image", "label", "train", *(() if self.real else ("test",)))
        if self.huggingface is None and (misplaced := self._other_than_default(*hub_fields)):
            raise ValueError(f"only huggingface data sets use {misplaced}; remove it")
        if self.real is None and (misplaced := self._other_than_default("groups", "hold_out")):
            raise ValueError(f"only real uses {misplaced}; remove it")
        if self.real is not None and self.test is not None and self._other_than_default("hold_out"):
            raise ValueError("hold_out has no effect if test gives test images; remove one of them")
        if self.name is not None and self._other_than_default("licence"):
            raise ValueError(f"the task {self.name} has a fixed licence; remove licence")
        if self.huggingface is not None and self.train == self._test_split:
            raise ValueError(f"train and test are the same split, {self.train}; choose two different splits")
        return self

    def _check_image_source(self) -> None:
        paths = [self.folder, self.huggingface, self.real]
        count = len(paths) - paths.count(None)
        row = None if self.name is None else TASKS.rows.get(self.name)
        if row is not None and row.takes_images:
            if self.real is not None:
                raise ValueError(f"the task {self.name} takes its images from folder or huggingface, not from real")
            if count == 0:
                raise ValueError(
                    f"the task {self.name} has no images; add folder (with train/<synset> and val/<synset>), "
                    "or huggingface, such as ILSVRC/imagenet-1k"
                )
        elif self.name is not None and (self.real or (count and not is_plugin(self.name))):
            raise ValueError(f"give either a name or a folder: the task {self.name} includes its images")
        elif self.name is None and not count:
            raise ValueError("no images given; set exactly one of name, folder, huggingface and real")
        if count > 1:
            raise ValueError("several sources of images given; set only one of folder, huggingface and real")

    @property
    def paths(self) -> tuple[Path, ...]:
        """Local paths of the images; a hub id is included as if it were a path."""
        named = (self.folder, self.huggingface, self.real, self.test if self.real else None)
        return tuple(Path(images) for images in named if images is not None)

    @property
    def _test_split(self) -> str:
        return self.test or ("test" if self.name is None else "validation")

    def _other_than_default(self, *fields: str) -> str:
        return ", ".join(name for name in fields if getattr(self, name) != type(self).model_fields[name].default)

    def open(self) -> Task:
        """Return the task.

        Raises:
            UnknownNameError: no task has this name.
            DataError: the images cannot be read, or their classes cannot be used.
        """
        if self.real is not None:
            return RealTask(
                real=open_source(self.real),
                test=open_source(self.test) if self.test else None,
                groups=Path(self.groups) if self.groups else None,
                hold_out=self.hold_out,
                licence=self.licence,
            )
        if self.name is not None:
            row, images = TASKS[self.name], self._images()
            if row.takes_images != bool(images):
                raise DataError(
                    f"the task {row.name} has no images; add folder or huggingface"
                    if row.takes_images
                    else f"the task {row.name} includes its images; remove folder and huggingface"
                )
            with TASKS.guard(self.name):
                return import_target(row.make)(*images)
        source = self._images()[0]
        return FolderTask(source, self.licence) if isinstance(source, Path) else hub_task(source, self.licence)

    def _images(self) -> tuple[Path | HubData, ...]:
        """Return the images that the user provides; an empty tuple if the task includes its images."""
        if self.folder is not None:
            return (Path(self.folder),)
        if self.huggingface is None:
            return ()
        columns_and_splits = (self.image, self.label, self.train, self._test_split)
        return (HubData(self.huggingface, *columns_and_splits, by_contents=self.name is None),)
