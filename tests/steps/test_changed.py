from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.image_lists import ListedPath, format_image_list
from prettyuseful.data.images import to_short_side
from prettyuseful.diagnosis.listed import ImageSelection
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.steps.changed import ChangeSpec, DropListSpec, DropSpec
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


def drop_listed(folder: Path, *lines: ListedPath) -> DropListSpec:
    """Write a list of images and return the step that drops them."""
    (folder / "list.csv").write_text(format_image_list(lines), "utf-8", newline="")
    return DropListSpec.of(ImageSelection(file=str(folder / "list.csv")))


def test_listed_images_are_dropped_by_path_and_class(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    real = load(3)
    before, classes = read_rows(real), real.manifest.facts["classes"]
    first, second, other = before[0], before[1], next(row for row in before if row.label == 1)
    lines = [ListedPath(first.path, classes[0], "labels"), ListedPath(other.path, classes[1], "most-typical")]
    result = make(drop_listed(tmp_path, *lines), dataset=real)
    rows = read_rows(result)
    assert result.manifest.facts["applied"] == {"drop": "list.csv", "dropped": 1}
    changed = [old.path for old, new in zip(before, rows, strict=True) if old.data != new.data]
    assert changed == [first.path]
    assert rows[0].data == second.data
    assert rows[0].path == f"again-2/{second.path}"


@pytest.mark.parametrize(("path", "wrong_class"), [("absent.png", False), (None, True)])
def test_a_listed_image_that_the_data_set_has_not_is_reported(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path, path: str | None, wrong_class: bool
) -> None:
    real = load(2)
    row, classes = read_rows(real)[0], real.manifest.facts["classes"]
    line = ListedPath(path or row.path, classes[1 if wrong_class else 0], "copies")
    with pytest.raises(DataError, match=r"list\.csv: 1 of 1 images are not in the data set, such as") as raised:
        make(drop_listed(tmp_path, line), dataset=real)
    assert "\n" not in str(raised.value)


def test_the_images_of_a_list_and_not_its_place_are_in_the_key(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    line = ListedPath("x.png", "cat", "labels", 0.5)
    first = drop_listed(tmp_path / "a", line)
    moved = drop_listed(tmp_path / "b", line, ListedPath("y.png", "cat", "off-class"))
    other = drop_listed(tmp_path / "b", line, ListedPath("y.png", "cat", "blank"))
    assert first.images.content == moved.images.content != other.images.content


def test_a_list_that_changes_after_planning_is_not_used(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    real = load(2)
    rows = read_rows(real)
    spec = drop_listed(tmp_path, ListedPath(rows[0].path))
    drop_listed(tmp_path, ListedPath(rows[1].path))
    with pytest.raises(DataError, match=r"list\.csv was changed while the study ran"):
        make(spec, dataset=real)
