"""Readers of input artifacts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prettyuseful.training.classifier import Classifier

from prettyuseful.data.dataset import (
    Row,
    has_sources,
    is_shard_name,
    read_shard,
    read_shard_index,
    read_shard_prompts,
)
from prettyuseful.data.pixels import Pixels, load_pixels
from prettyuseful.engine.step import Job
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.verification import printable
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import Prompts
from prettyuseful.redaction import redact_line

_MAX_PROBLEM = 200


def read_rows(job: Job, name: str) -> Iterator[Row]:
    """Yield the rows of a data set, shard by shard."""
    artifact = job.inputs[name]
    for entry in artifact.manifest.files:
        yield from _checked_rows(artifact, entry.name)


def holds_sources(job: Job) -> bool:
    """Return whether images of an input data set were generated from real ones, so that their rows name sources."""
    shards = (
        artifact.path(entry.name)
        for artifact in job.inputs.values()
        for entry in artifact.manifest.files
        if is_shard_name(entry.name)
    )
    return any(map(has_sources, shards))


def read_index(job: Job, name: str) -> Iterator[tuple[str, int, str]]:
    """Yield path, label and group of each image of a data set, without reading the images.

    Raises:
        StepFailedError: prettyuseful cannot have written the data set.
    """
    artifact = job.inputs[name]
    classes = artifact.manifest.facts.get("classes")
    for entry in artifact.manifest.files:
        with _report_odd_rows(artifact, entry.name):
            for path, label, group in read_shard_index(artifact.path(entry.name)):
                row = Row(b"", path, label, group)
                if problem := _problem_of(row, len(classes) if isinstance(classes, list) else None):
                    raise ValueError(problem)
                yield path, label, group


def read_image_prompts(job: Job, name: str) -> Iterator[tuple[int, str | None]]:
    """Yield label and prompt (None if it has none) of each image of a data set, without reading the images.

    Raises:
        StepFailedError: prettyuseful cannot have written the data set.
    """
    artifact = job.inputs[name]
    classes = artifact.manifest.facts.get("classes")
    for entry in artifact.manifest.files:
        with _report_odd_rows(artifact, entry.name):
            for label, prompt in read_shard_prompts(artifact.path(entry.name)):
                row = Row(b"", "", label, "", prompt=prompt)
                if problem := _problem_of(row, len(classes) if isinstance(classes, list) else None):
                    raise ValueError(problem)
                if not isinstance(prompt, str | None):
                    raise ValueError("a prompt that is not text")
                yield label, prompt


def read_slice(job: Job, name: str, first: int, stop: int) -> Iterator[Row]:
    """Yield the rows `first` to `stop` (exclusive) of a data set that has one shard."""
    artifact = job.inputs[name]
    return _checked_rows(artifact, artifact.manifest.files[0].name, first, stop)


def _checked_rows(artifact: Artifact, name: str, first: int = 0, stop: int | None = None) -> Iterator[Row]:
    """Yield rows of a shard, which may come from anybody.

    Raises:
        StepFailedError: prettyuseful cannot have written them; names the artifact.
    """
    classes = artifact.manifest.facts.get("classes")
    with _report_odd_rows(artifact, name):
        for row in read_shard(artifact.path(name), first, stop):
            if problem := _problem_of(row, len(classes) if isinstance(classes, list) else None):
                raise ValueError(problem)
            yield row


@contextmanager
def _report_odd_rows(artifact: Artifact, name: str) -> Iterator[None]:
    """Turn errors of reading a shard into one line that names the artifact."""
    manifest = artifact.manifest
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError) as error:
        problem = redact_line(str(error), _MAX_PROBLEM) if isinstance(error, ValueError) else type(error).__name__
        raise StepFailedError(
            f"file {name} of artifact {manifest.key[:12]} ({printable(manifest.step)}) holds rows that prettyuseful "
            f"cannot have written ({problem}); delete its manifest and run again, or use another store"
        ) from error


def _problem_of(row: Row, classes: int | None) -> str | None:
    data: object = row.data  # any column of the file may be empty
    path: object = row.path
    group: object = row.group
    label: object = row.label
    source: object = row.source
    if not isinstance(data, bytes):
        return "an image without bytes"
    if not isinstance(path, str) or not isinstance(group, str):
        return "an image without path or group"
    if not isinstance(source, str | None):
        return "a source that is not text"
    if not isinstance(label, int) or not 0 <= label < (label + 1 if classes is None else classes):
        return f"the label {label}, but there are {classes} classes"
    return None


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
