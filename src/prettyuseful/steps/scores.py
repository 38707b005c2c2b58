"""The step that scores the images of a data set."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.pixels import decode_rows
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.registry import import_target
from prettyuseful.steps.inputs import read_rows


class ScoreSpec(StepSpec):
    """Score every image of a data set."""

    kind: ClassVar[str] = "score"
    pace: ClassVar[float] = 0.002
    scores: tuple[str, ...]

    def make(self, job: Job) -> dict[str, Any]:
        functions = [import_target(SCORES[name].function) for name in self.scores]
        images = (pixels for pixels, _, _ in decode_rows(read_rows(job, "dataset"), "native"))
        np.save(job.folder / "scores.npy", np.array([[float(f(image)) for f in functions] for image in images]))
        return {}
