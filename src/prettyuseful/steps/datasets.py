"""Steps on existing images: load (real images), import (a folder), mix, and sample (thumbnails for the report)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import Any, ClassVar

from pydantic import Field

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, group_in_mix, shard_name, write_shard
from prettyuseful.engine.keys import derive_seed
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.steps.inputs import holds_sources, read_index, read_rows, write_json
from prettyuseful.tasks.base import Split
from prettyuseful.tasks.source import TaskSource

_SHARD_IMAGES = 5000


class LoadSpec(StepSpec):
    """Load the first `per_class` real images of each class into one shard. Images keep their bytes."""

    kind: ClassVar[str] = "load"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.0006
    task: Pinned[TaskSource]
    split: Split
    per_class: ClassCounts

    def make(self, job: Job) -> dict[str, Any]:
        task = self.task.source.open()
        total = self.per_class.total(len(task.classes))
        rows = _report_progress(task.images(self.split, self.per_class), total, job)
        count = write_shard(job.folder / shard_name(0, 1), rows, task.classes)
        return {"classes": list(task.classes), "images": count}


class LoadFurtherSpec(LoadSpec):
    """Load `per_class` real images of each class after the first `skipped` ones into one shard."""

    kind: ClassVar[str] = "load-further"
    version: ClassVar[int] = 1
    skipped: ClassCounts

    def make(self, job: Job) -> dict[str, Any]:
        task = self.task.source.open()
        classes = range(len(task.classes))
        until = ClassCounts([self.skipped[label] + self.per_class[label] for label in classes])
        rows = self._rest(task.images(self.split, until))
        total = self.per_class.total(len(task.classes))
        count = write_shard(job.folder / shard_name(0, 1), _report_progress(rows, total, job), task.classes)
        return {"classes": list(task.classes), "images": count}

    def _rest(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows after the first `skipped` of each class: the images of a class have a fixed order."""
        seen: Counter[int] = Counter()
        for row in rows:
            seen[row.label] += 1
            if seen[row.label] > self.skipped[row.label]:
                yield row


class ImportSpec(StepSpec):
    """Import a draw of `per_class` images of each class from a folder, tar shards or Parquet files.

    Images keep their bytes. `names`: what the task calls classes that have other names in the images.
    """

    kind: ClassVar[str] = "import"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.002
    images: Pinned[str]
    classes: tuple[str, ...]
    per_class: ClassCounts
    names: dict[str, str] = Field({})

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.sources.open import open_source
        from prettyuseful.data.sources.renamed import rename_classes

        source = rename_classes(open_source(self.images.source), self.names)
        total = self.per_class.total(len(self.classes))
        count = _write_shards(job, source.rows(self.classes, self.per_class), self.classes, total)
        return {"classes": list(self.classes), "images": count, "applied": {"format": source.kind}}


class MixSpec(StepSpec):
    """Mix the first images of each class of several data sets.

    `parts` are (name of the input, images per class). Images keep their bytes. The name of the part becomes a prefix of
    the path, and of the group, see `group_in_mix`.
    """

    kind: ClassVar[str] = "mix"
    pace: ClassVar[float] = 0.0005
    parts: tuple[tuple[str, int], ...]

    def make(self, job: Job) -> dict[str, Any]:
        facts = {name: job.inputs[name].manifest.facts for name, _ in self.parts}
        classes = facts[self.parts[0][0]]["classes"]
        total = len(classes) * sum(per_class for _, per_class in self.parts)
        count = _write_shards(job, self._rows(job), classes, total)
        applied = {name: part_facts.get("applied", {}) for name, part_facts in facts.items()}
        return {"classes": classes, "images": count, "applied": {"mix": dict(self.parts), "parts": applied}}

    def _rows(self, job: Job) -> Iterator[Row]:
        for name, per_class in self.parts:
            counts: Counter[int] = Counter()
            for row in read_rows(job, name):
                if counts[row.label] < per_class:
                    counts[row.label] += 1
                    yield replace(row, path=f"{name}/{row.path}", group=group_in_mix(name, row.group))


class SubsetSpec(StepSpec):
    """Keep `per_class` images of each class. Images keep their bytes and their order.

    Which ones depends on a hash of their paths, so they are spread over the data set, and a smaller subset is a part of
    a larger one.
    """

    kind: ClassVar[str] = "subset"
    pace: ClassVar[float] = 0.0005
    per_class: ClassCounts

    def make(self, job: Job) -> dict[str, Any]:
        facts = job.inputs["dataset"].manifest.facts
        order: dict[int, list[tuple[int, int]]] = {}
        for position, (path, label, _) in enumerate(read_index(job, "dataset")):
            order.setdefault(label, []).append((derive_seed("subset", path), position))
        kept = {position for label, of in order.items() for _, position in sorted(of)[: self.per_class[label]]}
        rows = (row for position, row in enumerate(read_rows(job, "dataset")) if position in kept)
        count = _write_shards(job, rows, facts["classes"], self.per_class.total(len(facts["classes"])))
        return {"classes": facts["classes"], "images": count, "applied": facts.get("applied", {})}


class SampleSpec(StepSpec):
    """Store thumbnails of the first `per_class` images of each class for the report."""

    kind: ClassVar[str] = "sample"
    pace: ClassVar[float] = 0.5
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.images import decode, thumbnail

        samples: dict[int, list[str]] = {}
        for row in read_rows(job, "dataset"):
            class_samples = samples.setdefault(row.label, [])
            if len(class_samples) < self.per_class:
                class_samples.append(thumbnail(decode(row.data, row.path)))
        write_json(job.folder / "samples.json", [samples[label] for label in sorted(samples)])
        return {}


def _report_progress(rows: Iterator[Row], total: int, job: Job) -> Iterator[Row]:
    for index, row in enumerate(rows):
        if index % 50 == 0:
            job.progress(index / total)
        yield row


def _write_shards(job: Job, rows: Iterable[Row], classes: Iterable[str], total: int) -> int:
    """Write rows to several files, because one large file would need too much memory to read."""
    classes, with_sources = tuple(classes), holds_sources(job)
    shards, remaining = ceil(total / _SHARD_IMAGES), _report_progress(iter(rows), total, job)
    return sum(
        write_shard(job.folder / shard_name(index, shards), islice(remaining, _SHARD_IMAGES), classes, with_sources)
        for index in range(shards)
    )
