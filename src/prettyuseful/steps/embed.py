"""Steps that embed: images, once per data set and encoder, and texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, cast

import numpy as np

from prettyuseful.data.pixels import Pixels, decoded
from prettyuseful.encoders.base import Encoder, TextEncoder
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import classifier_of, pixels_of, rows_of
from prettyuseful.training.recipes import View

_CHUNK = 64  # images that are decoded at a time


class EmbedSpec(StepSpec):
    """Features of an encoder on a data set.

    The study's real-trained classifier has a `view`, and inputs `classifier` and `pixels`. Every other encoder sees the
    images of `dataset` in their own size, decoded on the way.
    """

    kind: ClassVar[str] = "embed"
    pace: ClassVar[float] = 0.0005
    version: ClassVar[int] = 4
    encoder: Pinned[EncoderSource]
    view: View | None = None
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        encoder = self._opened(job)
        found = [(encoder.features(part), part.labels, part.groups) for part in self._parts(job)]
        features, labels, groups = (np.concatenate(parts) for parts in zip(*found, strict=True))
        for name, values in (("features", features), ("labels", labels), ("groups", groups)):
            np.save(job.folder / f"{name}.npy", values)
        return {"images": len(features), "dimensions": features.shape[1]}

    def _opened(self, job: Job) -> Encoder:
        if self.view is None:
            return open_encoder(self.encoder, self.numerics)
        from prettyuseful.encoders.real_trained import RealTrained

        return RealTrained(classifier_of(job, "classifier", self.numerics), self.view)

    def _parts(self, job: Job) -> Iterator[Pixels]:
        if self.view is not None:
            yield pixels_of(job, "pixels")
            return
        count = job.inputs["dataset"].manifest.facts["images"]
        images = job.followed(decoded(rows_of(job, "dataset"), "native"), count)
        while chunk := list(islice(images, _CHUNK)):
            pixels, labels, groups = zip(*chunk, strict=True)
            flat = np.concatenate([image.reshape(-1) for image in pixels])
            yield Pixels((flat,), np.array([image.shape[:2] for image in pixels]), np.array(labels), np.array(groups))

    @property
    def rate_class(self) -> str:
        return f"embed {self.encoder.source.label}"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if self.view is not None else None


class EmbedTextSpec(StepSpec):
    """Features (texts, d) of texts by an encoder that has images and texts in one space."""

    kind: ClassVar[str] = "embed-text"
    pace: ClassVar[float] = 0.0005
    version: ClassVar[int] = 2
    encoder: Pinned[EncoderSource]
    texts: tuple[str, ...]
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        encoder = cast("TextEncoder", open_encoder(self.encoder, self.numerics))
        np.save(job.folder / "features.npy", encoder.text_features(self.texts))
        return {}

    @property
    def assumed_pace(self) -> float | None:
        return None
