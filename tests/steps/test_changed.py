from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable

import numpy as np
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.images import to_short_side
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.numerics import Numerics
from prettyuseful.steps.changed import ChangeSpec, DropSpec
from prettyuseful.transforms.degradation import Blur

from .conftest import Make


def read_rows(artifact: Artifact) -> list[Row]:
    return [row for entry in artifact.manifest.files for row in read_shard(artifact.path(entry.name))]


def pixels(row: Row) -> np.ndarray:
    with Image.open(io.BytesIO(row.data)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def change(transform: Blur, per_class: int, size: int = 16) -> ChangeSpec:
    return ChangeSpec(
        transform=transform.pin(),
        stored_size=size,
        per_class=per_class,
        numerics=Numerics(),
    )


def test_images_are_transformed_at_the_size_that_classifiers_see(make: Make, load: Callable[[int], Artifact]) -> None:
    blur = Blur(width=0.1)
    real = load(6)
    changed = make(change(blur, 4), dataset=real)
    rows, before = read_rows(changed), read_rows(real)
    assert Counter(row.label for row in rows) == {0: 4, 1: 4}
    assert changed.manifest.facts["applied"]["transform"] == {"kind": "blur", "width": 0.1}
    kept = [row for label in (0, 1) for row in [r for r in before if r.label == label][:4]]
    assert {(row.path, row.group) for row in rows} == {(row.path, row.group) for row in kept}
    for row in rows:
        [source] = [r for r in kept if r.path == row.path]
        with Image.open(io.BytesIO(source.data)) as image:
            small = to_short_side(image.convert("RGB"), 16)
        assert (pixels(row) == blur.apply(small[None])[0]).all()


class Told(StepSpec):
    """Replaces a diagnosis: stores which rows show a cause."""

    kind = "told"
    labels: tuple[int, ...]
    copies: tuple[int, ...]
    classes: tuple[str, ...] = ()

    def make(self, job: Job) -> dict[str, object]:
        content = {"labels": list(self.labels), "copies": list(self.copies)}
        (job.folder / "rows.json").write_text(json.dumps(content), "utf-8")
        return {"classes": list(self.classes)} if self.classes else {}


def test_dropped_images_are_replaced_by_others_of_their_class(make: Make, load: Callable[[int], Artifact]) -> None:
    real = load(4)
    before = read_rows(real)
    reds = [i for i, row in enumerate(before) if row.label == 0]
    raised = make(Told(labels=(reds[0], reds[2]), copies=(reds[1],)))
    result = make(DropSpec(cause="labels"), dataset=real, diagnosis=raised)
    rows = read_rows(result)
    assert [row.label for row in rows] == [row.label for row in before]
    assert result.manifest.facts["applied"] == {"drop": "labels", "dropped": 2}
    assert len({row.path for row in rows}) == len(rows)
    kept = {before[reds[1]].data, before[reds[3]].data}
    assert {row.data for row in rows if row.label == 0} == kept
    assert [row.data for row in rows if row.label == 1] == [row.data for row in before if row.label == 1]
    assert [row.data for row in rows if row.path.startswith("again-2/")] == [before[reds[1]].data, before[reds[3]].data]


def test_rows_of_a_diagnosis_of_some_classes_are_those_of_these_classes(
    make: Make, load: Callable[[int], Artifact]
) -> None:
    real = load(4)
    before, classes = read_rows(real), real.manifest.facts["classes"]
    result = make(
        DropSpec(cause="labels"), dataset=real, diagnosis=make(Told(labels=(1,), copies=(), classes=(classes[1],)))
    )
    second = [i for i, row in enumerate(before) if row.label == 1][1]
    changed = [i for i, (old, new) in enumerate(zip(before, read_rows(result), strict=True)) if old.data != new.data]
    assert changed == [second]


def test_unequal_numbers_of_images_are_changed(make: Make, load: Callable[[int], Artifact]) -> None:
    spec = ChangeSpec(
        transform=Blur(width=0.1).pin(), stored_size=8, per_class=ClassCounts([1, 3]), numerics=Numerics()
    )
    assert [row.label for row in read_rows(make(spec, dataset=load(4)))] == [0, 1, 1, 1]


def test_a_class_without_remaining_images_is_left_unchanged(make: Make, load: Callable[[int], Artifact]) -> None:
    real = load(3)
    before = read_rows(real)
    raised = make(Told(labels=(), copies=tuple(i for i, row in enumerate(before) if row.label == 1)))
    result = make(DropSpec(cause="copies"), dataset=real, diagnosis=raised)
    assert [row.data for row in read_rows(result)] == [row.data for row in before]
    assert result.manifest.facts["applied"]["dropped"] == 0
