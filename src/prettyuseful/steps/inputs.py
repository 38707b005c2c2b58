"""Readers of input artifacts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prettyuseful.training.classifier import Classifier

from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.pixels import Pixels, load_pixels
from prettyuseful.engine.step import Job
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import Prompts


def read_rows(job: Job, name: str) -> Iterator[Row]:
    """Yield the rows of a data set, shard by shard."""
    artifact = job.inputs[name]
    for entry in artifact.manifest.files:
        yield from read_shard(artifact.path(entry.name))


def read_slice(job: Job, name: str, first: int, stop: int) -> Iterator[Row]:
    """Yield the rows `first` to `stop` (exclusive) of a data set that has one shard."""
    artifact = job.inputs[name]
    return read_shard(artifact.path(artifact.manifest.files[0].name), first, stop)


def read_classes(job: Job, name: str) -> tuple[str, ...]:
    """Return the class names of a data set."""
    return tuple(job.inputs[name].manifest.facts["classes"])


def read_prompts(job: Job, name: str) -> Prompts:
    content = json.loads(job.inputs[name].path("prompts.json").read_text("utf-8"))
    return Prompts(tuple(content["classes"]), tuple(tuple(options) for options in content["prompts"]))


def read_pixels(job: Job, name: str) -> Pixels:
    artifact = job.inputs[name]
    return load_pixels({entry.name: artifact.path(entry.name) for entry in artifact.manifest.files})


def read_classifier(job: Job, name: str, numerics: Numerics) -> Classifier:
    """Load a trained classifier for inference."""
    from prettyuseful.training.classifier import Design, load_classifier

    artifact = job.inputs[name]
    design = Design.from_json(artifact.manifest.facts["design"])
    return load_classifier(artifact.path("weights.safetensors"), design, numerics)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False), encoding="utf-8")
