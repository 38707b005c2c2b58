"""The `task` section of a study file, and the task that it describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import Columns, open_source, open_splits
from prettyuseful.data.sources.renamed import rename_classes
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
from prettyuseful.tasks.class_choice import ClassChoice
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


def _to_text(value: object) -> object:
    """Accept a number that a study file has as a class name, because class names may be numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ClassName = Annotated[str, BeforeValidator(_to_text), Field(min_length=1)]

_TEST_IMAGES = RelativePath(resolve_images_or_plugin, only_if=lambda task: task.real is not None)


class TaskSource(BareName):
    """The real images: a named task, a folder with training and test images, a Hugging Face data set, or unsplit real
    images, of which some are held out for tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePath(resolve_plugin)] | None = Field(
        None, description="a task of `prettyuseful list tasks`, or module:OBJECT"
    )
    folder: Annotated[str, RelativePath(resolve_path)] | None = Field(
        None,
        description="training and test images: train/<class> and test/<class> (or val, valid, validation or dev where "
        "there is no test), or a folder of Parquet files or .tar shards with splits; for an imagenet task, "
        "train/<synset> and val/<synset>",
    )
    huggingface: Annotated[str, RelativePath(resolve_existing_folder)] | None = Field(
        None, description="hub id, optionally with @revision, or local folder of an image classification data set"
    )
    real: Annotated[str, RelativePath(resolve_images_or_plugin)] | None = Field(
        None,
        description="real images (class folders, .tar shards or Parquet files); some are held out for tests, unless "
        "test gives test images or the place has a test split",
    )
    groups: Annotated[str, RelativePath(resolve_path)] | None = Field(
        None,
        description="a .csv, .tsv or .jsonl file with the path and group (also patient, video, scene and the like) of "
        "each image of real and test; groups are resampled and split as a whole; by default, near-duplicates form a "
        "group",
    )
    hold_out: float = Field(HOLD_OUT, gt=0, le=0.5, description="share of real to test on, by whole groups")
    image: str | None = Field(
        None, description="column of images (default for huggingface: image; else the only column that fits)"
    )
    label: str | None = Field(
        None, description="column of labels (default for huggingface: label; else the only column that fits)"
    )
    classes: dict[ClassName, ClassName] = Field(
        {}, description="names of classes in words, by the name that the images give, such as {n01440764: tench}"
    )
    leave_out: tuple[ClassName, ...] = Field((), description="classes that the task leaves out")
    min_per_class: int = Field(
        0, ge=0, description="classes with fewer training images are left out, and named in the notes"
    )
    test_images: int | None = Field(
        None,
        ge=2,
        description="with real: at most about so many test images in all, equally many of each class by whole groups, "
        "drawn with a fixed seed; the others are not looked at",
    )
    train: str = Field("train", description="split of the Hugging Face data set to train on")
    test: Annotated[str, _TEST_IMAGES] | None = Field(
        None,
        description="with huggingface: split to test on (default: test; for imagenet tasks: validation); with folder: "
        "name of the split to test on, such as val; with real: path of the test images",
    )
    licence: str = Field("not stated", description="licence of the images, for the report")

    @model_validator(mode="after")
    def _check_fields(self) -> TaskSource:
        self._check_image_source()
        if self.huggingface is None and (misplaced := self._other_than_default("train")):
            raise ValueError(f"only huggingface data sets use {misplaced}; remove it")
        existing = self.name is None and (self.folder or self.huggingface or self.real)
        if not existing and (misplaced := self._other_than_default("classes", "leave_out", "min_per_class")):
            raise ValueError(f"only folder, huggingface and real without a name use {misplaced}; remove it")
        has_columns = existing or self.huggingface
        if not has_columns and (misplaced := self._other_than_default("image", "label", "test")):
            raise ValueError(f"the task {self.name} does not use {misplaced}; remove it")
        if self.real is None and (misplaced := self._other_than_default("groups", "hold_out", "test_images")):
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
            real, test = self._open_real(self.real)
            return RealTask(
                real=real,
                test=test,
                groups=Path(self.groups) if self.groups else None,
                hold_out=self.hold_out,
                licence=self.licence,
                choice=self._choice,
                test_images=self.test_images,
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
        if isinstance(source, Path):
            return FolderTask(source, self.licence, self.test, self._columns, self._choice)
        return hub_task(source, self.licence, self._choice)

    def _open_real(self, place: str) -> tuple[SampledSource, SampledSource | None]:
        """Return the real images to train on and to test on; None for the latter holds some out.

        The test images of a place with splits are used, unless other ones or a share to hold out are given.
        """
        if self.test is not None:
            return open_source(place, "train", self._columns), open_source(self.test, "test", self._columns)
        if self._other_than_default("hold_out"):
            return open_source(place, "train", self._columns), None
        return open_splits(place, self._columns)

    def open_images(self, place: str) -> SampledSource:
        """Open images that are compared with this task, under the class names of the task.

        Raises:
            DataError: see `open_source`.
        """
        return rename_classes(open_source(place), self.classes)

    @property
    def _columns(self) -> Columns:
        return Columns(self.image, self.label)

    @property
    def _choice(self) -> ClassChoice:
        return ClassChoice(self.classes, self.leave_out, self.min_per_class)

    def _images(self) -> tuple[Path | HubData, ...]:
        """Return the images that the user provides; an empty tuple if the task includes its images."""
        if self.folder is not None:
            return (Path(self.folder),)
        if self.huggingface is None:
            return ()
        columns_and_splits = (self.image or "image", self.label or "label", self.train, self._test_split)
        return (HubData(self.huggingface, *columns_and_splits, by_contents=self.name is None),)
