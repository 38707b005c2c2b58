"""The step that scores the images of a data set, each by itself, and the table that other steps read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from prettyuseful.aesthetics.base import Score
from prettyuseful.aesthetics.composite import sum_of_z_scores
from prettyuseful.aesthetics.planes import Planes
from prettyuseful.aesthetics.rows import SCORES, offline_scores, pin_score
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.data.threads import map_in_order
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Resources, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.steps.inputs import read_classes, read_rows


class ScoreSpec(StepSpec):
    """Score every image of a data set, at its stored size.

    The result has one row for each image, in the order of the data set, and one column for each score. `threads`
    decode and score; their number is not in the key, because it does not change the result.
    """

    kind: ClassVar[str] = "score"
    pace: ClassVar[float] = 0.002
    scores: tuple[Pinned[str], ...]
    threads: int = 1

    def make(self, job: Job) -> dict[str, Any]:
        names = [pinned.source for pinned in self.scores]
        rows = [SCORES[name] for name in names]

        def score_row(row: Row) -> tuple[list[float], int, str]:
            planes = Planes(np.asarray(decode(row.data, row.path)))
            values = [_guarded(name, score, planes) for name, score in zip(names, rows, strict=True)]
            return values, row.label, row.group

        count = job.inputs["dataset"].manifest.facts["images"]
        scored = list(job.track_progress(map_in_order(score_row, read_rows(job, "dataset"), self.threads), count))
        values, labels, groups = zip(*scored, strict=True)
        table = ScoreTable(
            tuple(row.name for row in rows), np.array(values), np.array(labels, np.int64), np.array(groups, str)
        )
        return save_scores(job, table)

    @property
    def needs(self) -> Resources:
        return Resources(threads=self.threads)

    def pinned(self) -> Iterator[Pinned[Any]]:
        return iter(self.scores)

    def key_content(self) -> dict[str, Any]:
        content = super().key_content()
        del content["threads"]
        return content


@dataclass(frozen=True)
class ScoreTable:
    """Scores of the images of a data set, in its order.

    `names`: of the scores that were computed. `values`: (N, scores) float64. `labels`: (N,) int64. `groups`: (N,) str.
    """

    names: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def column(self, name: str, reference: ScoreTable | None = None) -> np.ndarray:
        """Return one score of every image, (N,) float64.

        Args:
            name: the label of a score in records, see `Registry.label`. It may be a composite of the scores here.
            reference: for a composite, the images whose mean and deviation within the class are the scale. Default:
                these images.
        """
        if name in self.names:
            return np.asarray(self.values[:, self.names.index(name)])
        values = self._columns(SCORES[name].parts)
        if reference is None:
            return sum_of_z_scores(values, self.labels)
        return sum_of_z_scores(values, self.labels, reference._columns(SCORES[name].parts), reference.labels)

    def _columns(self, names: Sequence[str]) -> np.ndarray:
        return np.asarray(self.values[:, [self.names.index(name) for name in names]])

    def take(self, rows: np.ndarray) -> ScoreTable:
        """Return the table of some of the images."""
        return ScoreTable(self.names, self.values[rows], self.labels[rows], self.groups[rows])


def read_scores(*artifacts: Artifact) -> ScoreTable:
    """Return the scores of a data set from one or several steps `score` that read it."""
    columns = [np.load(artifact.path("scores.npy")) for artifact in artifacts]
    names = [name for artifact in artifacts for name in artifact.manifest.facts["scores"]]
    labels, groups = (np.load(artifacts[0].path(f"{part}.npy")) for part in ("labels", "groups"))
    return ScoreTable(tuple(names), np.concatenate(columns, axis=1), labels, groups)


def save_scores(job: Job, table: ScoreTable) -> dict[str, Any]:
    """Write the table as the artifact of a step; return its facts. `read_scores` reads it."""
    for name, values in (("scores", table.values), ("labels", table.labels), ("groups", table.groups)):
        np.save(job.folder / f"{name}.npy", values)
    return {"images": len(table.labels), "scores": list(table.names), "classes": len(read_classes(job, "dataset"))}


def score_specs(names: Iterable[str], threads: int = 1) -> tuple[ScoreSpec, ...]:
    """Return the steps that compute these scores of a data set; composites are computed from the scores of these steps.

    One step computes all built-in scores that need no model, whichever are requested: another choice reads the images
    no second time. Every user-defined score has a step of its own.
    """
    parts = [part for name in names for part in (SCORES[name].parts or (name,))]
    offline = offline_scores()
    groups = [offline if part in offline else (part,) for part in parts]
    return tuple(ScoreSpec(scores=tuple(map(pin_score, group)), threads=threads) for group in dict.fromkeys(groups))


def _guarded(name: str, score: Score, planes: Planes) -> float:
    with SCORES.guard(name):
        return score.of(planes)
