"""Steps that derive a data set from another: change its images, or drop some of them."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.pixels import StoredSize
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.diagnosis.causes import DroppableCause
from prettyuseful.diagnosis.listed import ImageSelection
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics
from prettyuseful.steps.diagnosis import ROWS
from prettyuseful.steps.inputs import holds_sources, read_classes, read_rows
from prettyuseful.transforms.base import TransformSource

_CHUNK = 64


class ChangeSpec(StepSpec):
    """Apply a transform to the first `per_class` images of each class, resized to short sides of `stored_size` pixels.

    Classifiers see the images at this size, and the effect of a transform depends on the size. Images become PNGs.
    """

    kind: ClassVar[str] = "change"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.002
    transform: Pinned[TransformSource]
    stored_size: StoredSize
    per_class: ClassCounts
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        classes = read_classes(job, "dataset")
        rows = job.track_progress(
            self._apply_transform(_take_first(read_rows(job, "dataset"), self.per_class)),
            self.per_class.total(len(classes)),
        )
        count = write_shard(job.folder / shard_name(0, 1), rows, classes, holds_sources(job))
        return {
            "classes": list(classes),
            "images": count,
            "applied": {"transform": self.transform.source.model_dump(mode="json")},
        }

    def _apply_transform(self, rows: Iterator[Row]) -> Iterator[Row]:
        from prettyuseful.data.images import decode, encode_png, to_short_side

        check_resolved(self.transform.content, self.transform.source.kind)
        transform = self.transform.source.open(self.numerics)
        for row in rows:
            image = decode(row.data, row.path)
            size = min(image.size) if self.stored_size == "native" else self.stored_size
            [pixels] = transform.apply(to_short_side(image, size)[None])
            yield replace(row, data=encode_png(np.ascontiguousarray(pixels)))

    @property
    def rate_class(self) -> str:
        return f"change {self.transform.source.kind}"


class DropSpec(StepSpec):
    """Drop the images that show `cause` according to the diagnosis of the data set (input `diagnosis`).

    Remaining images of the same class, from the first on, are repeated in their place, so that training takes the same
    number of images and steps. A class without remaining images is left unchanged.
    """

    kind: ClassVar[str] = "drop"
    pace: ClassVar[float] = 0.0005
    cause: DroppableCause

    def make(self, job: Job) -> dict[str, Any]:
        classes = read_classes(job, "dataset")
        affected = json.loads(job.inputs["diagnosis"].path(ROWS).read_text("utf-8"))
        if self.cause not in affected:
            raise DataError(
                f"images that show {self.cause!r} cannot be dropped, because the diagnosis cannot judge this cause; "
                "the report has the reason; remove the data set, or drop the images of a list (drop: FILE.csv)"
            )
        rows = list(read_rows(job, "dataset"))
        # The diagnosis may leave classes out; its rows are those of the remaining classes.
        diagnosed = job.inputs["diagnosis"].manifest.facts.get("classes") or classes
        diagnosed_rows = [i for i, row in enumerate(rows) if classes[row.label] in diagnosed]
        return _write_without(job, rows, {diagnosed_rows[i] for i in affected[self.cause]}, self.cause)


class DropListSpec(StepSpec):
    """Drop the images that a list names, by path and class, and replace them as `DropSpec` does.

    The content of `images` is the digest of `ImageSelection.images`.
    """

    kind: ClassVar[str] = "drop-list"
    pace: ClassVar[float] = 0.0005
    images: Pinned[ImageSelection]

    @classmethod
    def of(cls, selection: ImageSelection) -> DropListSpec:
        """Return the step for the images that a list selects at present.

        Raises:
            DataError: see `ImageSelection.images`.
        """
        return cls(images=Pinned(source=selection, content=digest([list(image) for image in selection.images()])))

    def make(self, job: Job) -> dict[str, Any]:
        selection, classes = self.images.source, read_classes(job, "dataset")
        listed, file = selection.images(), printable(selection.file)
        if DropListSpec.of(selection) != self:
            raise DataError(f"{file} was changed while the study ran; run it again")
        rows = list(read_rows(job, "dataset"))
        known = {(row.path, name) for row in rows for name in (classes[row.label], "")}
        if unknown := [image for image in listed if image not in known]:
            path, name = unknown[0]
            of_class = f" in the class {printable(name)}" if name else ""
            raise DataError(
                f"{file}: {len(unknown):,} of {len(listed):,} images are not in the data set, such as "
                f"{printable(path)}{of_class}; give the list of this data set, or correct its paths"
            )
        chosen = set(listed)
        drop = {i for i, row in enumerate(rows) if chosen & {(row.path, classes[row.label]), (row.path, "")}}
        return _write_without(job, rows, drop, Path(selection.file).name)


def _write_without(job: Job, rows: Sequence[Row], drop: Container[int], reason: str) -> dict[str, Any]:
    """Write the rows, with those of `drop` replaced by other rows of their class, and return the facts."""
    classes = read_classes(job, "dataset")
    kept = [
        [row for i, row in enumerate(rows) if row.label == label and i not in drop] for label in range(len(classes))
    ]
    repeats = [iter(_repeat(class_rows)) for class_rows in kept]
    dropped, result = 0, []
    for i, row in enumerate(rows):
        replaced = i in drop and kept[row.label]
        dropped += bool(replaced)
        result.append(next(repeats[row.label]) if replaced else row)
    count = write_shard(job.folder / shard_name(0, 1), result, classes, holds_sources(job))
    return {"classes": list(classes), "images": count, "applied": {"drop": reason, "dropped": dropped}}


def _take_first(rows: Iterable[Row], per_class: ClassCounts) -> Iterator[Row]:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.label] = counts.get(row.label, 0) + 1
        if counts[row.label] <= per_class[row.label]:
            yield row


def _repeat(rows: list[Row]) -> Iterator[Row]:
    """Yield the rows again and again, each time with new paths."""
    number = 2
    while rows:
        yield from (replace(row, path=f"again-{number}/{row.path}") for row in rows)
        number += 1
