"""What the data checks found, from the records of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from prettyuseful.checks.finding import Finding, by_severity
from prettyuseful.checks.results import Results
from prettyuseful.checks.rows import check_results
from prettyuseful.records import CellNames, DatasetRecord, RunRecord, StudyRecord
from prettyuseful.study.file import REAL


def study_findings(
    study: StudyRecord, datasets: Sequence[DatasetRecord], runs: Sequence[RunRecord]
) -> tuple[Finding, ...]:
    """Return the findings on the images, and those on labels by the classifiers of the first grid cell.

    Errors come first, then warnings and notes.
    """
    on_images = [finding for dataset in datasets for finding in dataset.findings or ()]
    cells = study.cells
    on_labels = [
        finding for results in (_results(study, runs, cells[0]) if cells else ()) for finding in check_results(results)
    ]
    return by_severity([*on_images, *on_labels])


def _results(study: StudyRecord, runs: Sequence[RunRecord], cell: CellNames) -> Iterator[Results]:
    """Yield the mean confusions of each data set on which classifiers trained on real images were tested."""
    real_runs = [run for run in runs if run.dataset == REAL and run.cell == cell and run.is_result]
    names = dict.fromkeys(test.tested_on for run in real_runs for test in run.transfers if test.tested_on != REAL)
    for name in names:
        tested, real = [], []
        for run in real_runs:
            by_name = {test.tested_on: test.confusion for test in run.transfers}
            if name in by_name and REAL in by_name:
                tested.append(by_name[name])
                real.append(by_name[REAL])
        if tested:
            classes = tuple(study.task.classes)
            yield Results(name, classes, np.mean(tested, axis=0), np.mean(real, axis=0))
