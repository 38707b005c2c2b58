"""From what a study file says to a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, model_validator

from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.fields import BareName, RelativePlace, any_path, existing_folder, images_or_plugin, plugin
from prettyuseful.plugins import is_plugin
from prettyuseful.registry import Registry, loaded
from prettyuseful.tasks.base import Task
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.huggingface import HubData, hub_task
from prettyuseful.tasks.real import HOLD_OUT, RealTask


@dataclass(frozen=True)
class NamedTask:
    """A task that studies can name. Your own is such a row in a file of yours, named as `file.py:OBJECT`.

    `make`: what makes the task, or its "module:attribute". `takes_images`: whether its images are the user's own copy,
    which `make` is then given as a folder (`Path`) or a data set (`HubData`); the others have images of their own.
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
            "the paper's 200 classes; from your folder or huggingface copy",
            "prettyuseful.tasks.imagenet:imagenet_200",
            takes_images=True,
        ),
        NamedTask(
            "imagenet-1k",
            "all 1,000 classes; from your folder or huggingface copy",
            "prettyuseful.tasks.imagenet:imagenet_1k",
            takes_images=True,
        ),
    ),
)

_TEST_IMAGES = RelativePlace(images_or_plugin, only_if=lambda task: task.real is not None)


class TaskSource(BareName):
    """A named task, a folder with `train/<class>` and `test/<class>`, a Hugging Face data set, or real images as they
    are, which are split here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePlace(plugin)] | None = Field(
        None, description="a task that `prettyuseful list tasks` shows, or module:OBJECT"
    )
    folder: Annotated[str, RelativePlace(any_path)] | None = Field(
        None, description="an ImageFolder tree with train/<class> and test/<class>; of an imagenet task: with synsets"
    )
    huggingface: Annotated[str, RelativePlace(existing_folder)] | None = Field(
        None, description="hub id, perhaps with @revision, or local folder of an image classification data set"
    )
    real: Annotated[str, RelativePlace(images_or_plugin)] | None = Field(
        None,
        description="real images (class folders, .tar shards or Parquet files); some are held out for tests, unless "
        "test names a place of test images",
    )
    groups: Annotated[str, RelativePlace(any_path)] | None = Field(
        None,
        description="a .csv, .tsv or .jsonl file with path and group of each image of real and test: what is resampled "
        "and split whole; by default near-duplicates",
    )
    hold_out: float = Field(HOLD_OUT, gt=0, le=0.5, description="share of real that is tested on, by whole groups")
    image: str = Field("image", description="the data set's column of images")
    label: str = Field("label", description="the data set's column of labels, a ClassLabel or strings")
    train: str = Field("train", description="the data set's split to train on")
    test: Annotated[str, _TEST_IMAGES] | None = Field(
        None,
        description="the data set's split to test on; by default test, for an imagenet task validation; of real, the "
        "place of the test images",
    )
    licence: str = Field("not stated", description="licence of a folder's or data set's images, for the report")

    @model_validator(mode="after")
    def _one_source(self) -> TaskSource:
        self._check_place()
        of_hub = ("image", "label", "train", *(() if self.real else ("test",)))
        if self.huggingface is None and (stray := self._other_than_default(*of_hub)):
            raise ValueError(f"{stray} is for huggingface data sets; leave it out")
        if self.real is None and (stray := self._other_than_default("groups", "hold_out")):
            raise ValueError(f"{stray} is for real images; leave it out")
        if self.real is not None and self.test is not None and self._other_than_default("hold_out"):
            raise ValueError("hold_out has no effect where test names the test images; leave one of them out")
        if self.name is not None and self._other_than_default("licence"):
            raise ValueError(f"the licence of the task {self.name} is known; leave it out")
        if self.huggingface is not None and self.train == self._test_split:
            raise ValueError(f"train and test are the same split, {self.train}; name two")
        return self

    def _check_place(self) -> None:
        places = [self.folder, self.huggingface, self.real]
        given = len(places) - places.count(None)
        row = None if self.name is None else TASKS.rows.get(self.name)
        if row is not None and row.takes_images:
            if self.real is not None:
                raise ValueError(f"the task {self.name} takes its images from folder or huggingface, not from real")
            if given == 0:
                raise ValueError(
                    f"the task {self.name} needs its images: add folder, an ImageNet with train/<synset> and "
                    "val/<synset>, or huggingface, such as ILSVRC/imagenet-1k"
                )
        elif self.name is not None and (self.real or (given and not is_plugin(self.name))):
            raise ValueError(f"give either a name or a folder: the task {self.name} has images of its own")
        elif self.name is None and not given:
            raise ValueError("give either a name or a folder, or a huggingface data set, or real images")
        if given > 1:
            raise ValueError("give either a folder or a huggingface data set, not both; real images stand alone, too")

    @property
    def places(self) -> tuple[Path, ...]:
        """Where on this machine the images may lie."""
        named = (self.folder, self.huggingface, self.real, self.test if self.real else None)
        return tuple(Path(place) for place in named if place is not None)

    @property
    def _test_split(self) -> str:
        return self.test or ("test" if self.name is None else "validation")

    def _other_than_default(self, *fields: str) -> str:
        return ", ".join(name for name in fields if getattr(self, name) != type(self).model_fields[name].default)

    def open(self) -> Task:
        """The task itself.

        Raises:
            UnknownNameError: no such name.
            DataError: the folder or data set is not a task, or cannot be had.
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
                    f"the task {row.name} needs its images: add folder or huggingface"
                    if row.takes_images
                    else f"the task {row.name} has images of its own; remove folder and huggingface"
                )
            with TASKS.guard(self.name):
                return loaded(row.make)(*images)
        place = self._images()[0]
        return FolderTask(place, self.licence) if isinstance(place, Path) else hub_task(place, self.licence)

    def _images(self) -> tuple[Path | HubData, ...]:
        """The user's images; none if the task has its own."""
        if self.folder is not None:
            return (Path(self.folder),)
        if self.huggingface is None:
            return ()
        columns_and_splits = (self.image, self.label, self.train, self._test_split)
        return (HubData(self.huggingface, *columns_and_splits, by_contents=self.name is None),)
