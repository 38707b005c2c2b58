"""The step that applies a probe, a transform of every image, to a decoded data set."""

from __future__ import annotations

from typing import Any, ClassVar

from prettyuseful.data.pixels import write_pixels
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import read_pixels
from prettyuseful.transforms.base import Transform, TransformSource

_CHUNK = 64


class ProbeSpec(StepSpec):
    """Apply a transform to decoded images. They are stored losslessly."""

    kind: ClassVar[str] = "probe"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.002
    transform: Pinned[TransformSource]
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        check_resolved(self.transform.content, self.transform.source.kind)
        transform = cached_model(_open, self.transform.source, self.numerics, content=digest(self.transform.content))
        pixels = read_pixels(job, "pixels")
        images = (image for chunk in pixels.chunks(_CHUNK) for image in transform.apply(chunk))
        labelled = zip(images, pixels.labels, pixels.groups, strict=True)
        write_pixels(job.folder, job.track_progress(labelled, len(pixels)))
        return dict(job.inputs["pixels"].manifest.facts)

    @property
    def rate_class(self) -> str:
        return f"probe {self.transform.source.kind}"


def _open(transform: TransformSource, numerics: Numerics) -> Transform:
    return transform.open(numerics)
