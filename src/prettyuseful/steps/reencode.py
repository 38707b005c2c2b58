"""The step that re-encodes two data sets in the same way, so that their file formats cannot cause a difference."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.images import decode, to_square
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.steps.balance import spread
from prettyuseful.steps.inputs import rows_of

_LOOKED_AT = 300  # images whose size is taken, evenly over the set


class ReencodeSpec(StepSpec):
    """The input `dataset` as it is compared with `other`: centred squares of one size, as JPEGs of one quality.

    The side is the smaller of the two sets' short sides, each the median of its images'. `per_class`: only so many
    images of each class, drawn as `spread` does; None for all.
    """

    kind: ClassVar[str] = "re-encode"
    pace: ClassVar[float] = 0.001
    quality: int = 90
    per_class: int | None = None

    def make(self, job: Job) -> dict[str, Any]:
        facts = {name: job.inputs[name].manifest.facts for name in ("dataset", "other")}
        side = min(_short_side(rows_of(job, name), facts[name]["images"]) for name in facts)
        rows = (row for row, drawn in zip(rows_of(job, "dataset"), self._drawn(job), strict=True) if drawn)
        made = job.followed((self._encoded(row, side) for row in rows), facts["dataset"]["images"])
        classes = facts["dataset"]["classes"]
        count = write_shard(job.folder / shard_name(0, 1), made, classes)
        return {"classes": classes, "images": count, "side": side, "quality": self.quality}

    def _drawn(self, job: Job) -> np.ndarray:
        found = [(row.label, row.group) for row in rows_of(job, "dataset")]
        labels, groups = np.array([label for label, _ in found]), np.array([group for _, group in found])
        drawn = np.full(len(found), self.per_class is None)
        if self.per_class is not None:
            for label in np.unique(labels):
                drawn[spread(groups, np.flatnonzero(labels == label), self.per_class)] = True
        return drawn

    def _encoded(self, row: Row, side: int) -> Row:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(to_square(decode(row.data, row.path), side)).save(buffer, "JPEG", quality=self.quality)
        return replace(row, data=buffer.getvalue())


def _short_side(rows: Iterator[Row], count: int) -> int:
    looked_at: Iterable[Row] = islice(rows, 0, None, max(1, count // _LOOKED_AT))
    return int(np.median([min(decode(row.data, row.path).size) for row in looked_at]))
