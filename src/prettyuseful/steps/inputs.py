"""What steps read: an input artifact, opened as the thing it holds."""

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


def rows_of(job: Job, name: str) -> Iterator[Row]:
    """The rows of a data set, shard after shard."""
    artifact = job.inputs[name]
    for entry in artifact.manifest.files:
        yield from read_shard(artifact.path(entry.name))


def part_of(job: Job, name: str, first: int, stop: int) -> Iterator[Row]:
    """Rows `first` to `stop` of a data set of one shard."""
    artifact = job.inputs[name]
    return read_shard(artifact.path(artifact.manifest.files[0].name), first, stop)


def classes_of(job: Job, name: str) -> tuple[str, ...]:
    """The class names of a data set."""
    return tuple(job.inputs[name].manifest.facts["classes"])


def prompts_of(job: Job, name: str) -> Prompts:
    content = json.loads(job.inputs[name].path("prompts.json").read_text("utf-8"))
    return Prompts(tuple(content["classes"]), tuple(tuple(options) for options in content["prompts"]))


def pixels_of(job: Job, name: str) -> Pixels:
    artifact = job.inputs[name]
    return load_pixels({entry.name: artifact.path(entry.name) for entry in artifact.manifest.files})


def classifier_of(job: Job, name: str, numerics: Numerics) -> Classifier:
    """A trained classifier, ready for inference."""
    from prettyuseful.training.classifier import Design, load_classifier

    artifact = job.inputs[name]
    design = Design.from_json(artifact.manifest.facts["design"])
    return load_classifier(artifact.path("weights.safetensors"), design, numerics)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
