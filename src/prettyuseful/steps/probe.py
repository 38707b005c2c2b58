"""The step that probes a decoded data set: every image transformed by itself."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SerializeAsAny

from prettyuseful.data.pixels import write_pixels
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import pixels_of
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.chain import AnyTransform

_CHUNK = 64


class ProbeSpec(StepSpec):
    """Decoded images after a transform, without loss. `identity` is what of `transform` changes them."""

    kind: ClassVar[str] = "probe"
    version: ClassVar[int] = 2
    unkeyed: ClassVar[frozenset[str]] = frozenset({"transform"})
    transform: SerializeAsAny[AnyTransform]
    identity: dict[str, Any]
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        transform = cached_model(_opened, self.transform, self.numerics, content=digest(self.identity))
        pixels = pixels_of(job, "pixels")
        images = (image for chunk in pixels.chunks(_CHUNK) for image in transform.apply(chunk))
        labelled = zip(images, pixels.labels, pixels.groups, strict=True)
        write_pixels(job.folder, job.followed(labelled, len(pixels)))
        return dict(job.inputs["pixels"].manifest.facts)

    @property
    def rate_class(self) -> str:
        return f"probe {self.transform.kind}"


def _opened(transform: AnyTransform, numerics: Numerics) -> Transform:
    return transform.open(numerics)
