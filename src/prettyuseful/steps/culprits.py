"""Write the lists of images of a diagnosis, with the paths of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prettyuseful.data.image_lists import ListedPath, format_image_list
from prettyuseful.engine.step import Job
from prettyuseful.steps.diagnosed_images import DiagnosedIndex
from prettyuseful.steps.inputs import read_classes

if TYPE_CHECKING:
    from prettyuseful.diagnosis.culprits import Culprit
    from prettyuseful.diagnosis.diagnose import DiagnosisRun
    from prettyuseful.diagnosis.findings import ImageList

CULPRITS = "culprits.csv"
"""File of a diagnosis with its lists of images."""


def write_culprits(
    job: Job, run: DiagnosisRun, rows: np.ndarray, real_rows: Sequence[np.ndarray]
) -> tuple[ImageList, ...]:
    """Write the lists of images to `culprits.csv`, and return their summaries.

    Args:
        job: a job with the inputs `dataset` and `real`, of which the diagnosed images are a part.
        run: the diagnosis.
        rows: the rows of `dataset`, see `DiagnosedIndex`.
        real_rows: the rows of `real` in each half of the real images.
    """
    from prettyuseful.diagnosis.culprits import find_culprits, image_lists

    classes, culprits = read_classes(job, "half 0"), find_culprits(run)
    own = DiagnosedIndex.read(job, "dataset", classes).paths[rows]
    real = DiagnosedIndex.read(job, "real", classes).paths[np.concatenate(real_rows)]
    lines = (_line(culprit, own, real, run.synthetic.labels, classes) for culprit in culprits)
    (job.folder / CULPRITS).write_text(format_image_list(lines), "utf-8", newline="")
    return image_lists(run, culprits, classes)


def _line(
    culprit: Culprit, paths: np.ndarray, real_paths: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> ListedPath:
    others = real_paths if culprit.finding == "copies" else paths
    return ListedPath(
        path=paths[culprit.row],
        class_name=classes[labels[culprit.row]],
        finding=culprit.finding,
        score=culprit.score,
        suggested="" if culprit.suggested is None else classes[culprit.suggested],
        other="" if culprit.other is None else others[culprit.other],
    )
