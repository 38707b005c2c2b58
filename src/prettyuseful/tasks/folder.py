"""A task from a place with training and test images: class folders in `train` and `test`, Parquet files, shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import Columns, open_source, open_splits
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, Split
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.groups import source_groups
from prettyuseful.tasks.sampled import SampledTask


@dataclass(frozen=True)
class FolderTask(SampledTask):
    """Real images in a place that has splits, such as `train/<class>/<image>` and `test/<class>/<image>`.

    A group consists of equal images, unless the source gives other groups.

    `root`: the folder. `test`: name of the split to test on; None takes the test images, or else the validation images.
    `columns`: columns of images and labels in Parquet files and tables.

    Raises:
        DataError: the images cannot be read, a split is missing, or a class has no test images.
    """

    root: Path
    licence: str = "not stated"
    test: str | None = None
    columns: Columns = field(default_factory=Columns)
    choice: ClassChoice = field(default_factory=ClassChoice)

    def __post_init__(self) -> None:
        self.check_classes()

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def source(self) -> str:
        return f"folder {self.root.name}"

    @cached_property
    def original_sources(self) -> Mapping[Split, SampledSource]:
        place = str(self.root)
        if self.test is not None:
            train, test = (open_source(place, split, self.columns) for split in ("train", self.test))
            return {"train": train, "test": test}
        train, given_test = open_splits(place, self.columns)
        if given_test is None:
            raise DataError(
                f"{train.location} has no test images; add a folder test next to the folder train (such as "
                "test/<class>/<images>), or write `real: ` instead of `folder: ` to hold some images out for tests"
            )
        return {"train": train, "test": given_test}

    @cached_property
    def groups_by_split(self) -> Mapping[Split, Mapping[str, str]]:
        return {split: source_groups(self.original_sources[split]) for split in SPLITS}
