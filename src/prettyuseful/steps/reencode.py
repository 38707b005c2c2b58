"""The step that re-encodes data sets in the same way, so that their file formats cannot cause a difference."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.images import decode, to_square
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.steps.balance import draw_balanced
from prettyuseful.steps.inputs import read_rows

_SIZE_SAMPLE = 300  # images whose size is measured, evenly spaced over the data set


class ReencodeSpec(StepSpec):
    """Re-encode the input `dataset` for a comparison with `other`: centred squares of one size, JPEG of one quality.

    The side of the squares is the median short side of the images of either data set, whichever is smaller. `per_class`
    is the number of images of each class, drawn by `draw_balanced`, or None for all images.
    """

    kind: ClassVar[str] = "re-encode"
    pace: ClassVar[float] = 0.001
    quality: int = 90
    per_class: ClassCounts | None = None

    def make(self, job: Job) -> dict[str, Any]:
        facts = {name: job.inputs[name].manifest.facts for name in ("dataset", "other")}
        side = min(_short_side(read_rows(job, name), facts[name]["images"]) for name in facts)
        rows = (row for row, drawn in zip(read_rows(job, "dataset"), self._draw_mask(job), strict=True) if drawn)
        encoded = job.track_progress((self._encode(row, side) for row in rows), facts["dataset"]["images"])
        classes = facts["dataset"]["classes"]
        count = write_shard(job.folder / shard_name(0, 1), encoded, classes)
        return {"classes": classes, "images": count, "side": side, "quality": self.quality}

    def _draw_mask(self, job: Job) -> np.ndarray:
        rows = [(row.label, row.group) for row in read_rows(job, "dataset")]
        labels, groups = np.array([label for label, _ in rows]), np.array([group for _, group in rows])
        mask = np.full(len(rows), self.per_class is None)
        if self.per_class is not None:
            for label in np.unique(labels):
                mask[draw_balanced(groups, np.flatnonzero(labels == label), self.per_class[label])] = True
        return mask

    def _encode(self, row: Row, side: int) -> Row:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(to_square(decode(row.data, row.path), side)).save(buffer, "JPEG", quality=self.quality)
        return replace(row, data=buffer.getvalue())


def _short_side(rows: Iterator[Row], count: int) -> int:
    sample: Iterable[Row] = islice(rows, 0, None, max(1, count // _SIZE_SAMPLE))
    return int(np.median([min(decode(row.data, row.path).size) for row in sample]))
