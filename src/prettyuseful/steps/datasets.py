"""Steps that make data sets: load (real), caption, prompt, generate (a shard), collect (all shards), sample."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.generators.base import Sampling
from prettyuseful.keys import derive_seed
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import Prompts, class_names, from_captions
from prettyuseful.steps.base import Job, StepSpec
from prettyuseful.steps.inputs import rows_of
from prettyuseful.tasks.base import Split
from prettyuseful.tasks.find import TaskSource

_THUMBNAIL = 96


class LoadSpec(StepSpec):
    """The first `per_class` real images of every class, as one shard in their original bytes."""

    kind: ClassVar[str] = "load"
    unkeyed: ClassVar[frozenset[str]] = frozenset({"task"})
    task: TaskSource
    fingerprint: str
    split: Split
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        task = self.task.open()
        rows = _counted(task.images(self.split, self.per_class), self.per_class * len(task.classes), job)
        count = write_shard(job.folder / shard_name(0, 1), rows, task.classes)
        return {"classes": list(task.classes), "images": count}


class CaptionSpec(StepSpec):
    """One caption per real image, in order."""

    kind: ClassVar[str] = "caption"
    captioner: Literal["describer"] = "describer"

    def make(self, job: Job) -> dict[str, Any]:
        import numpy as np

        from prettyuseful.data.images import decode
        from prettyuseful.prompts.describer import describe

        captions = [
            [row.label, describe(np.asarray(decode(row.data, row.path)), row.place)] for row in rows_of(job, "images")
        ]
        _write_json(job.folder / "captions.json", captions)
        return {"captions": len(captions)}


class PromptSpec(StepSpec):
    """The prompts of every class, by one strategy."""

    kind: ClassVar[str] = "prompt"
    strategy: Literal["class-name", "caption"]
    classes: tuple[str, ...]

    def make(self, job: Job) -> dict[str, Any]:
        if self.strategy == "caption":
            captions = json.loads(job.inputs["captions"].path("captions.json").read_text("utf-8"))
            prompts = from_captions(self.classes, captions)
        else:
            prompts = class_names(self.classes)
        _write_json(job.folder / "prompts.json", {"classes": prompts.classes, "prompts": prompts.prompts})
        return {"prompts": sum(len(options) for options in prompts.prompts)}


class GenerateSpec(StepSpec):
    """Images `start` to `stop` of one class: a shard. Its bytes do not depend on how the data set is cut into shards.

    `seed` is the data set's; an image's own is the hash of it, class, prompt and index. Micro-batches start at
    multiples of `micro_batch` within the class and the last is padded, so that every image meets the same batch shape.
    """

    kind: ClassVar[str] = "generate"
    unkeyed: ClassVar[frozenset[str]] = frozenset({"source"})
    generator: str
    fingerprint: str
    source: str
    sampling: Sampling
    label: int
    start: int
    stop: int
    seed: int
    micro_batch: int
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.images import encode_jpeg
        from prettyuseful.generators.open import open_generator

        self.numerics.apply()
        generator = open_generator(self.source, self.sampling, self.numerics)
        content = json.loads(job.inputs["prompts"].path("prompts.json").read_text("utf-8"))
        prompts = Prompts(tuple(content["classes"]), tuple(tuple(options) for options in content["prompts"]))
        name, rows = prompts.classes[self.label], []
        for first in range(self.start - self.start % self.micro_batch, self.stop, self.micro_batch):
            indices = range(first, first + self.micro_batch)
            texts = [prompts.of(self.label, index) for index in indices]
            seeds = [derive_seed(self.seed, name, text, index) for text, index in zip(texts, indices, strict=True)]
            images = generator.generate(texts, seeds)
            for index, text, seed, image in zip(indices, texts, seeds, images, strict=True):
                if not self.start <= index < self.stop:
                    continue  # padding, or another shard's
                path = f"{name}/{index:06d}.jpg"
                data = encode_jpeg(image)
                rows.append(Row(data, path, self.label, group=path, prompt=text, seed=seed, generator=self.generator))
            job.progress(len(rows) / (self.stop - self.start))
        count = write_shard(job.folder / "shard.parquet", rows, prompts.classes)
        return {"images": count, "applied": generator.applied()}

    @property
    def rate_class(self) -> str:
        """Generators, steps and guidance set the pace."""
        return (
            f"generate {self.generator} {self.sampling.steps} steps{' guided' if (self.sampling.cfg or 1) > 1 else ''}"
        )


class CollectSpec(StepSpec):
    """A generated data set: its shards, in order, under the names that Hugging Face gives them."""

    kind: ClassVar[str] = "collect"
    classes: tuple[str, ...]
    images_per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        shards = [job.inputs[name].manifest for name in sorted(job.inputs)]
        for index, shard in enumerate(shards):
            job.adopt(shard_name(index, len(shards)), shard.files[0])
        return {
            "classes": list(self.classes),
            "images": self.images_per_class * len(self.classes),
            "bytes": sum(shard.files[0].size for shard in shards),
            "generation_seconds": round(sum(shard.seconds for shard in shards), 1),
            "applied": shards[0].facts["applied"],
        }


class SampleSpec(StepSpec):
    """The first images of each class as small pictures for a report: base64, PNG up to 96 px."""

    kind: ClassVar[str] = "sample"
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        import numpy as np

        from prettyuseful.data.images import decode, encode_png, to_square

        pictures: dict[int, list[str]] = {}
        for row in rows_of(job, "dataset"):
            kept = pictures.setdefault(row.label, [])
            if len(kept) < self.per_class:
                image = decode(row.data, row.path)
                small = to_square(image, min(_THUMBNAIL, *image.size))
                kept.append(base64.b64encode(encode_png(np.ascontiguousarray(small))).decode())
        _write_json(job.folder / "samples.json", [pictures[label] for label in sorted(pictures)])
        return {}


def _counted(rows: Iterator[Row], total: int, job: Job) -> Iterator[Row]:
    for index, row in enumerate(rows):
        if index % 50 == 0:
            job.progress(index / total)
        yield row


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
