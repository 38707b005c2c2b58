"""Steps that embed images, once per data set and encoder, and texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, cast

import numpy as np

from prettyuseful.data.dataset import Row
from prettyuseful.data.pixels import Image, Pixels, decode_rows
from prettyuseful.data.threads import map_in_order, preparing_threads
from prettyuseful.encoders.base import Encoder, TextEncoder
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.encoders.table import EFFICIENTNET_LITE0
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.verification import printable
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import read_classes, read_classifier, read_pixels, read_rows
from prettyuseful.training.recipes import View

_CHUNK = 64  # images that are decoded at a time
_LITE_PACE = 0.02  # seconds per image


class EmbedSpec(StepSpec):
    """Embed a data set with an encoder.

    The study's classifier trained on real images uses a `view` and the inputs `classifier` and `pixels`. Every other
    encoder reads the images of `dataset` at their original size.
    """

    kind: ClassVar[str] = "embed"
    pace: ClassVar[float] = 0.0005
    version: ClassVar[int] = 5
    encoder: Pinned[EncoderSource]
    view: View | None = None
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        encoder = self._open(job)
        embedded = [(encoder.features(part), part.labels, part.groups) for part in self._parts(job)]
        features, labels, groups = (np.concatenate(parts) for parts in zip(*embedded, strict=True))
        for name, values in (("features", features), ("labels", labels), ("groups", groups)):
            np.save(job.folder / f"{name}.npy", values)
        classes = len(read_classes(job, "dataset" if self.view is None else "pixels"))
        return {"images": len(features), "dimensions": features.shape[1], "classes": classes}

    def _open(self, job: Job) -> Encoder:
        if self.view is None:
            return open_encoder(self.encoder, self.numerics)
        from prettyuseful.encoders.real_trained import RealTrained

        return RealTrained(read_classifier(job, "classifier", self.numerics), self.view)

    def _parts(self, job: Job) -> Iterator[Pixels]:
        if self.view is not None:
            yield read_pixels(job, "pixels")
            return
        count = job.inputs["dataset"].manifest.facts["images"]
        images = job.track_progress(
            map_in_order(_decode, read_rows(job, "dataset"), preparing_threads(self.numerics)), count
        )
        while chunk := list(islice(images, _CHUNK)):
            yield Pixels.from_images(chunk)

    @property
    def rate_class(self) -> str:
        return f"embed {self.encoder.source.label}"

    @property
    def assumed_pace(self) -> float | None:
        if self.encoder.source.name == EFFICIENTNET_LITE0.name:
            return _LITE_PACE
        return self.pace if self.view is not None else None


def _decode(row: Row) -> Image:
    return next(decode_rows([row], "native"))


class SelectFeaturesSpec(StepSpec):
    """Take the features of selected images from those of the data set that they are selected from.

    The inputs are the `features` of this data set, its images (`dataset`) and the selected ones (`selection`), which
    are in the same order. The result is that of embedding the selection.
    """

    kind: ClassVar[str] = "select-features"
    pace: ClassVar[float] = 0.0002

    def make(self, job: Job) -> dict[str, Any]:
        selected, rows = read_rows(job, "selection"), list[int]()
        wanted = next(selected, None)
        for number, row in enumerate(read_rows(job, "dataset")):
            if row == wanted:
                rows.append(number)
                wanted = next(selected, None)
        if wanted is not None:
            raise StepFailedError(f"the image {printable(wanted.path)} of the selection is not in its data set")
        for name in ("features", "labels", "groups"):
            np.save(job.folder / f"{name}.npy", np.load(job.inputs["features"].path(f"{name}.npy"))[rows])
        return {**job.inputs["features"].manifest.facts, "images": len(rows)}


class EmbedTextSpec(StepSpec):
    """Embed texts, (texts, d), with an encoder that maps images and texts to one space."""

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
