"""Existing data sets: imported from a folder, mixed and sampled. Every image keeps its bytes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.export import export_dataset
from prettyuseful.data.sources.open import open_source
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.store.base import Artifact
from prettyuseful.steps.datasets import ImportSpec, LoadFurtherSpec, MixSpec, SampleSpec, SubsetSpec
from prettyuseful.tasks.source import TaskSource

CLASSES = ("blue", "red")


Make = Callable[..., Artifact]
Import = Callable[[Path, ClassCounts | int], Artifact]


@pytest.fixture
def imported(make: Make) -> Import:
    def of(place: Path, per_class: ClassCounts | int) -> Artifact:
        images = Pinned(source=str(place), content=open_source(str(place)).fingerprint())
        return make(ImportSpec(images=images, classes=CLASSES, per_class=per_class))

    return of


def read_rows(artifact: Artifact) -> list[Row]:
    return [row for entry in artifact.manifest.files for row in read_shard(artifact.path(entry.name))]


@pytest.fixture(params=["parquet", "imagefolder", "webdataset"])
def place(request: pytest.FixtureRequest, finished: Path, tmp_path: Path) -> Path:
    """The same generated data set, in the store and exported."""
    made = finished / "out" / "datasets" / "tiny"
    if request.param == "parquet":
        return made
    export_dataset(made, request.param, tmp_path / "exported")
    return tmp_path / "exported"


def test_an_exported_data_set_can_be_imported(imported: Import, finished: Path, place: Path) -> None:
    result = imported(place, 5)
    assert result.manifest.facts["images"] == 10
    assert result.manifest.facts["applied"]["format"] in ("parquet", "imagefolder", "webdataset")
    written = {
        row.data: row
        for path in sorted((finished / "out" / "datasets" / "tiny").glob("*.parquet"))
        for row in read_shard(path)
    }
    rows = read_rows(result)
    originals = [written[row.data] for row in rows]
    assert len({row.data for row in rows}) == 10
    assert [row.label for row in rows] == [row.label for row in originals] == [0] * 5 + [1] * 5
    if result.manifest.facts["applied"]["format"] != "imagefolder":  # which has no prompts or seeds
        assert [(row.prompt, row.seed) for row in rows] == [(row.prompt, row.seed) for row in originals]
    directly = imported(finished / "out" / "datasets" / "tiny", 5)
    assert [row.data for row in read_rows(directly)] == [row.data for row in rows]  # whatever the files are called


def test_every_class_has_its_own_number_of_images(imported: Import, shared_task: Path) -> None:
    result, more = imported(shared_task / "train", ClassCounts([1, 3])), imported(shared_task / "train", 3)
    assert [row.label for row in read_rows(result)] == [0, 1, 1, 1]
    assert {row.data for row in read_rows(result)} < {row.data for row in read_rows(more)}


def test_keys_do_not_depend_on_the_location_of_images(imported: Import, shared_task: Path, folder_task: Path) -> None:
    here, there = imported(shared_task / "train", 3), imported(folder_task / "train", 3)
    assert here.manifest.key == there.manifest.key
    (folder_task / "train" / "red" / "000.png").write_bytes((folder_task / "train" / "red" / "001.png").read_bytes())
    assert imported(folder_task / "train", 3).manifest.key != here.manifest.key


def test_a_large_import_is_written_to_several_files(
    imported: Import, shared_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.steps.datasets._SHARD_IMAGES", 3)
    result = imported(shared_task / "train", 4)
    names = [entry.name for entry in result.manifest.files]
    assert names == [f"data-{i:05d}-of-00003.parquet" for i in range(3)]
    assert [len(list(read_shard(result.path(name)))) for name in names] == [3, 3, 2]
    assert [row.label for row in read_rows(result)] == [0] * 4 + [1] * 4


def test_a_mix_takes_the_first_images_of_each_class_and_keeps_their_bytes(
    make: Make, load: Callable[[int], Artifact], imported: Import, finished: Path
) -> None:
    parts = {"real": load(6), "tiny": imported(finished / "out" / "datasets" / "tiny", 5)}
    mix = make(MixSpec(parts=(("real", 2), ("tiny", 3))), **parts)
    rows = read_rows(mix)
    assert mix.manifest.facts["images"] == len(rows) == 10
    assert mix.manifest.facts["classes"] == list(CLASSES)
    assert mix.manifest.facts["applied"]["mix"] == {"real": 2, "tiny": 3}
    assert mix.manifest.facts["applied"]["parts"]["tiny"] == {"format": "parquet"}
    for name, count in (("real", 2), ("tiny", 3)):
        for label in (0, 1):
            first = [row for row in read_rows(parts[name]) if row.label == label][:count]
            mixed = [row for row in rows if row.label == label and row.path.startswith(f"{name}/")]
            assert [row.data for row in mixed] == [row.data for row in first]
            assert [(row.path, row.group) for row in mixed] == [
                (f"{name}/{row.path}", f"{name}/{row.group}") for row in first
            ]
            assert [(row.prompt, row.seed) for row in mixed] == [(row.prompt, row.seed) for row in first]


def test_samples_are_the_first_images_of_each_class(make: Make, load: Callable[[int], Artifact]) -> None:
    sampled = make(SampleSpec(per_class=2), dataset=load(6))
    pictures = json.loads(sampled.path("samples.json").read_text("utf-8"))
    assert [len(of_class) for of_class in pictures] == [2, 2]
    with Image.open(io.BytesIO(base64.b64decode(pictures[1][0]))) as picture:
        red, _, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        assert picture.size == (24, 24)
    assert red > blue + 50


def test_further_images_follow_the_skipped_ones_in_the_order_of_the_task(make: Make, folder_task: Path) -> None:
    source = TaskSource(folder=str(folder_task))
    task = source.open()
    pinned = Pinned(source=source, content=task.fingerprint())
    counts, skipped = ClassCounts([2] * len(task.classes)), ClassCounts([1] * len(task.classes))
    artifact = make(LoadFurtherSpec(task=pinned, split="train", per_class=counts, skipped=skipped))
    paths = {row.path for row in read_rows(artifact)}
    until = {row.path for row in task.images("train", ClassCounts(3))}
    assert paths == until - {row.path for row in task.images("train", ClassCounts(1))}
    assert artifact.manifest.facts["images"] == 2 * len(task.classes)


def test_a_subset_is_spread_over_the_images_and_a_part_of_a_larger_one(
    make: Make, imported: Import, finished: Path
) -> None:
    whole = imported(finished / "out" / "datasets" / "tiny", 5)
    rows = {row.path: row for row in read_rows(whole)}
    small, large = (read_rows(make(SubsetSpec(per_class=ClassCounts(n)), dataset=whole)) for n in (2, 4))
    assert [[row.label for row in part] for part in (small, large)] == [[0] * 2 + [1] * 2, [0] * 4 + [1] * 4]
    assert {row.path for row in small} < {row.path for row in large} < rows.keys()
    assert all(rows[row.path] == row for row in large)
    unequal = make(SubsetSpec(per_class=ClassCounts([1, 3])), dataset=whole)
    assert [row.label for row in read_rows(unequal)] == [0, 1, 1, 1]
    assert unequal.manifest.facts["images"] == 4
