from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import DataError
from prettyuseful.selection.keep import Part
from prettyuseful.steps.scores import score_specs
from prettyuseful.steps.selection import RandomChoice, SelectSpec

from .conftest import Make


def read_rows(artifact: Artifact) -> list[Row]:
    return [row for entry in artifact.manifest.files for row in read_shard(artifact.path(entry.name))]


def select(by: str | None, part: Part | None, *per_class: int, draw: int = 0) -> SelectSpec:
    return SelectSpec(
        by=None if by is None else Pinned(source=by, content=by),
        part=part,
        per_class=ClassCounts(per_class),
        random=RandomChoice(seed=0, draw=draw) if by is None else None,
    )


class Arrays(StepSpec):
    """Stands for a step that embeds or classifies images."""

    kind = "arrays"
    arrays: dict[str, list[list[float]] | list[int]]

    def make(self, job: Job) -> dict[str, object]:
        for name, values in self.arrays.items():
            np.save(job.folder / f"{name}.npy", np.array(values))
        return {}


def test_images_are_selected_by_a_score_and_keep_everything(make: Make, load: Callable[[int], Artifact]) -> None:
    real = load(6)
    scores = make(score_specs(["exposure"])[0], dataset=real)
    chosen = make(select("exposure", "top", 2, 3), dataset=real, scores=scores)
    before, rows = read_rows(real), read_rows(chosen)
    assert [row for row in before if row in rows] == rows  # bytes, paths, groups and order
    brightness = {row.path: SCORES["exposure"].of(decoded(row)) for row in before}
    for label, number in ((0, 2), (1, 3)):
        of_class = sorted(brightness[row.path] for row in before if row.label == label)
        assert sorted(brightness[row.path] for row in rows if row.label == label) == of_class[-number:]
    applied = chosen.manifest.facts["applied"]["select"]
    assert (applied["by"], applied["images"]) == ("exposure", "top")
    assert applied["mean"]["all"] == pytest.approx(np.mean(list(brightness.values())))
    assert applied["mean"]["chosen"] == pytest.approx(np.mean([brightness[row.path] for row in rows]))
    json.dumps(chosen.manifest.facts)


def decoded(row: Row) -> np.ndarray:
    from prettyuseful.data.images import decode

    return np.asarray(decode(row.data, row.path))


def test_a_composite_score_compares_images_of_one_class(make: Make, load: Callable[[int], Artifact]) -> None:
    real = load(4)
    scores = make(score_specs(["prettiness"])[0], dataset=real)
    top, bottom = (read_rows(make(select("prettiness", part, 2, 2), dataset=real, scores=scores)) for part in PARTS)
    assert {row.path for row in top} | {row.path for row in bottom} == {row.path for row in read_rows(real)}


PARTS: tuple[Part, Part] = ("top", "bottom")


def test_a_random_choice_differs_by_draw_and_has_equally_many_images(
    make: Make, load: Callable[[int], Artifact]
) -> None:
    real = load(8)
    choices = [
        frozenset(row.path for row in read_rows(make(select(None, "random", 3, 5, draw=d), dataset=real)))
        for d in range(3)
    ]
    assert len(set(choices)) == 3
    assert {len(choice) for choice in choices} == {8}


def test_label_confidence_comes_from_logits_in_the_order_of_the_images(
    make: Make, load: Callable[[int], Artifact]
) -> None:
    real = load(2)
    labels = [row.label for row in read_rows(real)]
    logits = [[float(i), 0.0] if label == 0 else [0.0, float(i)] for i, label in enumerate(labels)]
    chosen = make(
        select("label-confidence", "bottom", 1, 1), dataset=real, logits=make(Arrays(arrays={"logits": logits}))
    )
    first = [labels.index(label) for label in (0, 1)]
    assert {row.path for row in read_rows(chosen)} == {read_rows(real)[i].path for i in first}


FEATURES = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("by", "part", "kept"), [("nearest-real", "top", 0), ("typicality", "top", 0), ("k-centre", None, 1)]
)
def test_features_are_compared_within_the_class(
    make: Make, load: Callable[[int], Artifact], by: str, part: Part | None, kept: int
) -> None:
    """Real images of both classes lie in other directions; what is near to the other class does not count."""
    data = load(4)
    labels = [row.label for row in read_rows(data)]
    order = [labels[:i].count(label) for i, label in enumerate(labels)]  # number of the image in its class
    features = [
        FEATURES[n] if label == 0 else [-x for x in FEATURES[n]] for n, label in zip(order, labels, strict=True)
    ]
    real = {"features": [[1.0, 0.0], [-1.0, 0.0]], "labels": [0, 1]}
    chosen = make(
        select(by, part, 1, 1),
        dataset=data,
        features=make(Arrays(arrays={"features": features})),
        **({"real": make(Arrays(arrays=real))} if part else {}),
    )
    assert [row.path for row in read_rows(chosen)] == [
        row.path for row, number in zip(read_rows(data), order, strict=True) if number == kept
    ]


def test_a_class_without_real_images_cannot_be_compared(make: Make, load: Callable[[int], Artifact]) -> None:
    features = make(Arrays(arrays={"features": [[1.0, 2.0]] * 4}))
    real = make(Arrays(arrays={"features": [[1.0, 0.0]], "labels": [0]}))
    with pytest.raises(DataError, match=r"class 1 \(from 0\) has no real training images"):
        make(select("typicality", "top", 1, 1), dataset=load(2), features=features, real=real)
