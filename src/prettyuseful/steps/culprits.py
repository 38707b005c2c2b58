"""Write the lists of images of a diagnosis, with the paths of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prettyuseful.data.image_lists import ListedPath, format_image_list
from prettyuseful.engine.step import Job
from prettyuseful.steps.inputs import read_classes, read_index

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
        rows: the diagnosed rows of the images of the diagnosed classes of `dataset`.
        real_rows: for each half of the real images, the rows that were used.
    """
    from prettyuseful.diagnosis.culprits import find_culprits, image_lists
    from prettyuseful.diagnosis.images import half_rows

    classes = read_classes(job, "half 0")
    paths, _, _ = _diagnosed(job, "dataset", classes)
    real_paths, real_labels, real_groups = _diagnosed(job, "real", classes)
    halves = [half_rows(real_labels, real_groups, part)[used] for part, used in enumerate(real_rows)]
    culprits = find_culprits(run)
    own, real = paths[rows], real_paths[np.concatenate(halves)]
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


def _diagnosed(job: Job, name: str, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return paths, labels and groups of the images of some classes of a data set; labels are counted in `classes`."""
    names, new_label = read_classes(job, name), {class_name: label for label, class_name in enumerate(classes)}
    index = [
        (path, new_label[names[label]], group)
        for path, label, group in read_index(job, name)
        if names[label] in new_label
    ]
    paths, labels, groups = zip(*index, strict=True)
    return np.array(paths, object), np.array(labels), np.array(groups, str)
