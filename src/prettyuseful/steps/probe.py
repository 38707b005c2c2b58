"""The step that probes a decoded data set: every image transformed by itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import SerializeAsAny

from prettyuseful.hand import at_hand
from prettyuseful.keys import digest
from prettyuseful.numerics import Numerics
from prettyuseful.steps.base import Job, StepSpec
from prettyuseful.steps.inputs import pixels_of
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.chain import AnyTransform

_CHUNK = 64


class ProbeSpec(StepSpec):
    """Decoded images after a transform, without loss. `identity` is what of `transform` changes them."""

    kind: ClassVar[str] = "probe"
    unkeyed: ClassVar[frozenset[str]] = frozenset({"transform"})
    transform: SerializeAsAny[AnyTransform]
    identity: dict[str, Any]
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.pixels import Pixels

        self.numerics.apply()
        transform = at_hand(_opened, self.transform, self.numerics, content=digest(self.identity))
        pixels, done = pixels_of(job, "pixels"), []
        for start in range(0, len(pixels.labels), _CHUNK):
            done.append(transform.apply(pixels.images[start : start + _CHUNK]))
            job.progress(min(1.0, (start + _CHUNK) / len(pixels.labels)))
        Pixels(np.concatenate(done), pixels.labels, pixels.groups).save(job.folder)
        return dict(job.inputs["pixels"].manifest.facts)

    @property
    def rate_class(self) -> str:
        return f"probe {self.transform.kind}"


def _opened(transform: AnyTransform, numerics: Numerics) -> Transform:
    return transform.open(numerics)
