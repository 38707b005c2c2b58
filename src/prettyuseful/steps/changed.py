"""Steps that make a data set of another one: its images changed, or some of them dropped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.pixels import StoredSize
from prettyuseful.diagnosis.causes import DroppableCause
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import classes_of, rows_of
from prettyuseful.transforms.base import TransformSource

_CHUNK = 64


class ChangeSpec(StepSpec):
    """The first `per_class` images of each class after a transform, as PNGs with short sides of `stored_size` pixels.

    That is how classifiers are shown them: a blur of one pixel is another one at another size.
    """

    kind: ClassVar[str] = "change"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.002
    transform: Pinned[TransformSource]
    stored_size: StoredSize
    per_class: int
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        classes = classes_of(job, "dataset")
        rows = job.followed(
            self._changed(_first(rows_of(job, "dataset"), self.per_class)), self.per_class * len(classes)
        )
        count = write_shard(job.folder / shard_name(0, 1), rows, classes)
        return {
            "classes": list(classes),
            "images": count,
            "applied": {"transform": self.transform.source.model_dump(mode="json")},
        }

    def _changed(self, rows: Iterator[Row]) -> Iterator[Row]:
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
    """A data set without the images that show `cause`, by its diagnosis (input `diagnosis`).

    Others of the same class, from the first on, take their places a second time, so that training takes as many images
    and steps as before. A class of which nothing would be left stays as it is.
    """

    kind: ClassVar[str] = "drop"
    pace: ClassVar[float] = 0.0005
    cause: DroppableCause

    def make(self, job: Job) -> dict[str, Any]:
        classes = classes_of(job, "dataset")
        found = json.loads(job.inputs["diagnosis"].path("rows.json").read_text("utf-8"))
        rows = list(rows_of(job, "dataset"))
        bad = set(found[self.cause])
        kept = [
            [row for i, row in enumerate(rows) if row.label == label and i not in bad] for label in range(len(classes))
        ]
        again = [iter(_repeated(of_class)) for of_class in kept]
        dropped, written = 0, []
        for i, row in enumerate(rows):
            replaced = i in bad and kept[row.label]
            dropped += bool(replaced)
            written.append(next(again[row.label]) if replaced else row)
        count = write_shard(job.folder / shard_name(0, 1), written, classes)
        return {"classes": list(classes), "images": count, "applied": {"drop": self.cause, "dropped": dropped}}


def _first(rows: Iterable[Row], per_class: int) -> Iterator[Row]:
    taken: dict[int, int] = {}
    for row in rows:
        taken[row.label] = taken.get(row.label, 0) + 1
        if taken[row.label] <= per_class:
            yield row


def _repeated(rows: list[Row]) -> Iterator[Row]:
    """The rows over and over, under paths of their own."""
    number = 2
    while rows:
        yield from (replace(row, path=f"again-{number}/{row.path}") for row in rows)
        number += 1
