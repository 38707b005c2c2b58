"""Steps on data sets that are there already: load (real), import (a folder's), mix, sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import Any, ClassVar

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.steps.inputs import rows_of, write_json
from prettyuseful.tasks.base import Split
from prettyuseful.tasks.source import TaskSource

_SHARD_IMAGES = 5000


class LoadSpec(StepSpec):
    """The first `per_class` real images of every class, as one shard in their original bytes."""

    kind: ClassVar[str] = "load"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.0006
    task: Pinned[TaskSource]
    split: Split
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        task = self.task.source.open()
        rows = _counted(task.images(self.split, self.per_class), self.per_class * len(task.classes), job)
        count = write_shard(job.folder / shard_name(0, 1), rows, task.classes)
        return {"classes": list(task.classes), "images": count}


class ImportSpec(StepSpec):
    """The first `per_class` images of every class of a folder, tar shards or Parquet files, in their original bytes."""

    kind: ClassVar[str] = "import"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.002
    images: Pinned[str]
    classes: tuple[str, ...]
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.sources.open import open_source

        source = open_source(self.images.source)
        count = _write_shards(job, source.rows(self.classes, self.per_class), self.classes, self.per_class)
        return {"classes": list(self.classes), "images": count, "applied": {"format": source.kind}}


class MixSpec(StepSpec):
    """The first images of each class of several data sets: `parts` are (name, images per class), as the inputs are.

    An image keeps its bytes; its part's name goes before its path and its group.
    """

    kind: ClassVar[str] = "mix"
    pace: ClassVar[float] = 0.0005
    parts: tuple[tuple[str, int], ...]

    def make(self, job: Job) -> dict[str, Any]:
        facts = {name: job.inputs[name].manifest.facts for name, _ in self.parts}
        classes = facts[self.parts[0][0]]["classes"]
        count = _write_shards(job, self._rows(job), classes, sum(per_class for _, per_class in self.parts))
        applied = {name: found.get("applied", {}) for name, found in facts.items()}
        return {"classes": classes, "images": count, "applied": {"mix": dict(self.parts), "parts": applied}}

    def _rows(self, job: Job) -> Iterator[Row]:
        for name, per_class in self.parts:
            taken: Counter[int] = Counter()
            for row in rows_of(job, name):
                if taken[row.label] < per_class:
                    taken[row.label] += 1
                    yield replace(row, path=f"{name}/{row.path}", group=f"{name}/{row.group}")


class SampleSpec(StepSpec):
    """The first images of each class as small pictures for a report."""

    kind: ClassVar[str] = "sample"
    pace: ClassVar[float] = 0.5
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.images import decode, thumbnail

        pictures: dict[int, list[str]] = {}
        for row in rows_of(job, "dataset"):
            kept = pictures.setdefault(row.label, [])
            if len(kept) < self.per_class:
                kept.append(thumbnail(decode(row.data, row.path)))
        write_json(job.folder / "samples.json", [pictures[label] for label in sorted(pictures)])
        return {}


def _counted(rows: Iterator[Row], total: int, job: Job) -> Iterator[Row]:
    for index, row in enumerate(rows):
        if index % 50 == 0:
            job.progress(index / total)
        yield row


def _write_shards(job: Job, rows: Iterable[Row], classes: Iterable[str], per_class: int) -> int:
    """Several files, so that no reader must hold one that is too large."""
    classes = tuple(classes)
    total = per_class * len(classes)
    shards, counted = ceil(total / _SHARD_IMAGES), _counted(iter(rows), total, job)
    return sum(
        write_shard(job.folder / shard_name(index, shards), islice(counted, _SHARD_IMAGES), classes)
        for index in range(shards)
    )
