"""What steps read: an input artifact, opened as the thing it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.pixels import Pixels, load_pixels
from prettyuseful.numerics import Numerics
from prettyuseful.steps.base import Job


def rows_of(job: Job, name: str) -> Iterator[Row]:
    """The rows of a data set, shard after shard."""
    artifact = job.inputs[name]
    for entry in artifact.manifest.files:
        yield from read_shard(artifact.path(entry.name))


def pixels_of(job: Job, name: str) -> Pixels:
    artifact = job.inputs[name]
    return load_pixels(artifact.path("images.npy"), artifact.path("labels.npy"), artifact.path("groups.npy"))


def classifier_of(job: Job, name: str, numerics: Numerics) -> nn.Module:
    """A trained classifier, ready for inference."""
    from prettyuseful.training.loop import load_weights

    artifact = job.inputs[name]
    facts = artifact.manifest.facts
    return load_weights(artifact.path("weights.safetensors"), facts["architecture"], facts["classes"], numerics)
