"""Tasks from tiny folders of noise images: one that is split here, or two."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, available
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.real import RealTask

Folder = Callable[..., SampledSource]


def write_groups(file: Path, groups: Mapping[str, str]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([("path", "group"), *groups.items()])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of different noise images."""
    rng = np.random.default_rng(0)

    def make(counts: Mapping[str, int], name: str = "pets") -> SampledSource:
        for label, count in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / label / f"{i:02d}.png")
        return open_source(str(tmp_path / name))

    return make


def paths(task: RealTask, per_class: int = 2) -> dict[str, list[str]]:
    return {split: [row.path for row in task.images(split, per_class)] for split in SPLITS}


def test_a_fifth_of_every_class_is_held_out_and_nothing_is_in_both_splits(folder: Folder) -> None:
    task = RealTask(folder({"cat": 10, "dog": 20}))
    assert (task.name, task.classes, dict(task.definitions)) == ("pets", ("cat", "dog"), {})
    assert task.split_summary.images == {"train": (8, 16), "test": (2, 4)}
    assert (available(task, "train"), available(task, "test")) == (8, 2)
    assert (task.split_summary.groups, task.split_summary.grouped_by) == (6, "near-duplicates")
    trained, tested = paths(task, 2).values()
    assert not {*trained} & {*tested}
    assert "30 images" not in task.source
    assert task.source == "pets, " + task.split_summary.description
    assert "24 training images, 6 test images (20% held out by whole groups, seed 0) in 6 groups" in task.source


def test_a_smaller_request_is_a_prefix_of_each_class(folder: Folder) -> None:
    task = RealTask(folder({"cat": 10, "dog": 20}))
    few, more = list(task.images("train", 3)), list(task.images("train", 8))
    assert [row.label for row in more] == [0] * 8 + [1] * 8
    assert few == more[:3] + more[8:11]
    assert [row.path.split("/")[0] for row in few] == ["cat"] * 3 + ["dog"] * 3
    with pytest.raises(DataError, match="task pets has only 8 train images of the class 'cat', but 9 were requested"):
        next(task.images("train", 9))


def test_another_share_can_be_held_out(folder: Folder) -> None:
    source = folder({"cat": 10, "dog": 10})
    half = RealTask(source, hold_out=0.5)
    assert half.split_summary.images["test"] == (5, 5)
    assert half.split_summary.hold_out == 0.5
    assert half.fingerprint() != RealTask(source).fingerprint()


def test_near_duplicates_are_in_the_same_split(folder: Folder, tmp_path: Path) -> None:
    source = folder({"cat": 10, "dog": 10})
    for i in range(10):
        with Image.open(tmp_path / f"pets/cat/{i:02d}.png") as image:
            ImageOps.mirror(image).save(tmp_path / f"pets/cat/{i:02d}-mirrored.png")
    task = RealTask(open_source(source.location))
    groups = task.groups_by_split["train"]
    assert groups["cat/03-mirrored.png"] == groups["cat/03.png"]
    sides = [{groups[row.path] for row in task.images(split, 2)} for split in SPLITS]
    assert not sides[0] & sides[1]
    assert task.split_summary.images == {"train": (16, 8), "test": (4, 2)}


def test_groups_of_a_file_are_split_whole_and_are_in_the_rows(folder: Folder, tmp_path: Path) -> None:
    source = folder({"cat": 12, "dog": 12})
    groups = {f"{name}/{i:02d}.png": f"owner {i // 3}" for name in ("cat", "dog") for i in range(12)}
    write_groups(tmp_path / "groups.csv", groups)
    task = RealTask(source, groups=tmp_path / "groups.csv", hold_out=0.25)
    assert (task.split_summary.groups, task.split_summary.grouped_by) == (1, "file")
    assert task.split_summary.images == {"train": (9, 9), "test": (3, 3)}
    assert "in 1 groups (from the groups file)" in task.source
    rows = list(task.images("train", 3))
    assert all(row.group == groups[row.path] for row in rows)
    # The first images are of many groups.
    assert Counter(row.group for row in rows if row.label == 0) == {row.group: 1 for row in rows[:3]}
    assert task.fingerprint() != RealTask(source, hold_out=0.25).fingerprint()


def test_separate_test_images_are_all_used(folder: Folder) -> None:
    real, test = folder({"cat": 3, "dog": 4}), folder({"dog": 2, "cat": 5}, "tests")
    task = RealTask(real, test)
    assert task.split_summary.images == {"train": (3, 4), "test": (5, 2)}
    assert (task.split_summary.hold_out, task.split_summary.seed, task.split_summary.groups) == (None, None, 7)
    assert "7 test images (given)" in task.source
    assert len(list(task.images("test", 2))) == 4
    assert RealTask(real, test, hold_out=0.5).fingerprint() == task.fingerprint() != RealTask(real).fingerprint()


def test_fingerprint_depends_on_images_not_on_their_folder(folder: Folder, tmp_path: Path) -> None:
    before = RealTask(folder({"cat": 5, "dog": 5})).fingerprint()
    (tmp_path / "pets").rename(tmp_path / "moved")
    assert RealTask(open_source(str(tmp_path / "moved"))).fingerprint() == before
    Image.new("RGB", (16, 16)).save(tmp_path / "moved/cat/00.png")
    assert RealTask(open_source(str(tmp_path / "moved"))).fingerprint() != before


def test_rows_keep_the_place_field_of_their_image(tmp_path: Path, folder: Folder) -> None:
    folder({"cat": 6, "dog": 6})
    images = sorted((tmp_path / "pets").glob("*/*.png"))
    rows = [Row(p.read_bytes(), f"{i}.png", int(i >= 6), f"{i}.png", place=f"place {i}") for i, p in enumerate(images)]
    write_shard(tmp_path / "pets.parquet", rows, ["cat", "dog"])
    task = RealTask(open_source(str(tmp_path / "pets.parquet")))
    place_of = {row.data: row.place for row in rows}
    assert all(row.place == place_of[row.data] for row in task.images("train", 2))


def test_file_names_decide_nothing(folder: Folder, tmp_path: Path) -> None:
    """Not which images are held out or drawn, and not which of them form a group."""
    folder({"cat": 20, "dog": 14})
    for i in range(4):
        with Image.open(tmp_path / f"pets/cat/{i:02d}.png") as image:
            ImageOps.mirror(image).save(tmp_path / f"pets/cat/{i:02d}-mirrored.png")
    (tmp_path / "pets/dog/copy.png").write_bytes((tmp_path / "pets/dog/00.png").read_bytes())

    def splits(per_class: int) -> list[tuple[bytes, int, str]]:
        task = RealTask(open_source(str(tmp_path / "pets")))
        return [(row.data, row.label, row.group) for split in SPLITS for row in task.images(split, per_class)]

    before = splits(2), splits(3)
    for number, path in enumerate(sorted((tmp_path / "pets").glob("*/*.png"), key=lambda path: path.name[::-1])):
        target = path.parent / f"sub{number % 3}" / f"{(number * 37) % 101}.png"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    assert (splits(2), splits(3)) == before


def test_classes_are_named_left_out_and_noted(folder: Folder) -> None:
    source = folder({"n01440764": 10, "dog": 10, "fox": 6, "stray": 1, "blurred": 10})
    names, out = {"n01440764": "tench"}, ("blurred",)
    task = RealTask(source, choice=ClassChoice(names, out, min_per_class=6))
    assert task.classes == ("dog", "tench")
    assert task.split_summary.images == {"train": (8, 8), "test": (2, 2)}
    assert "The task leaves out blurred." in task.notes
    assert "Classes with fewer than 6 training images are left out: stray (0), fox (5)." in task.notes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"names": {"cow": "x"}}, "classes: .*pets has no class 'cow'; it has cat, dog; put names such as '010'"),
        ({"leave_out": ("dogs",)}, "leave_out: .*pets has no class 'dogs'; did you mean 'dog'"),
        ({"leave_out": ("dog",)}, "a task needs at least 2 classes; .*pets has 1"),
        ({"min_per_class": 50}, "a task needs at least 2 classes; .*pets has 0"),
    ],
)
def test_a_choice_of_classes_that_cannot_be_made_is_refused(
    folder: Folder, fields: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        RealTask(folder({"cat": 5, "dog": 5}), choice=ClassChoice(**fields))


def test_a_stray_folder_of_the_test_images_is_left_out_and_noted(folder: Folder) -> None:
    real, test = folder({"cat": 5, "dog": 5}), folder({"cat": 5, "dog": 5, "fox": 1}, "tests")
    task = RealTask(real, test)
    assert task.counts("test") == (5, 5)
    (note,) = [note for note in task.notes if "fox" in note]
    assert note == "The test images have classes that the training images lack, so they are left out: fox."


def test_lines_of_the_groups_file_without_an_image_are_noted(folder: Folder, tmp_path: Path) -> None:
    source = folder({"cat": 6, "dog": 6})
    groups = {f"pets\\{name}\\{i:02d}.png": f"{name}{i // 2}" for name in ("cat", "dog") for i in range(6)}
    write_groups(tmp_path / "groups.csv", groups | {"pets\\cow\\1.png": "cow"})
    task = RealTask(source, groups=tmp_path / "groups.csv", hold_out=0.34)
    assert task.split_summary.images == {"train": (4, 4), "test": (2, 2)}
    assert any("1 of 13 lines of groups.csv match no image" in note for note in task.notes)


@pytest.mark.parametrize(
    ("counts", "test", "message"),
    [
        ({"cat": 5}, None, "a task needs at least 2 classes; .* has 1"),
        ({"cat": 5, "dog": 5}, {"cat": 5}, "has no images of 1 of the task's 2 classes: 'dog'"),
    ],
)
def test_invalid_classes_are_refused_in_one_line(
    folder: Folder, counts: Mapping[str, int], test: Mapping[str, int] | None, message: str
) -> None:
    real, tests = folder(counts), folder(test, "tests") if test else None
    with pytest.raises(DataError, match=message) as error:
        RealTask(real, tests)
    assert "\n" not in str(error.value)


def test_a_class_of_one_image_cannot_be_split(folder: Folder) -> None:
    task = RealTask(folder({"cat": 1, "dog": 5}))
    with pytest.raises(
        DataError, match=r"class 'cat' has one image, so no training image is left .*\(1 of 2 classes\)"
    ):
        available(task, "train")


def test_a_class_of_one_group_cannot_be_split(folder: Folder, tmp_path: Path) -> None:
    source = folder({"cat": 4, "dog": 4})
    groups = {f"cat/{i:02d}.png": "one" for i in range(4)} | {f"dog/{i:02d}.png": str(i) for i in range(4)}
    write_groups(tmp_path / "groups.csv", groups)
    with pytest.raises(DataError, match="class 'cat' has 4 images in too few groups"):
        available(RealTask(source, groups=tmp_path / "groups.csv"), "train")


def test_test_images_that_are_all_training_images_are_refused(folder: Folder, tmp_path: Path) -> None:
    real = folder({"cat": 6, "dog": 6})
    with pytest.raises(DataError, match="every test image is also a training image"):
        available(RealTask(real, real), "test")
    part = tmp_path / "part"
    for name in ("cat/00.png", "dog/01.png"):
        (part / name).parent.mkdir(parents=True)
        (part / name).write_bytes((tmp_path / "pets" / name).read_bytes())
    with pytest.raises(DataError, match=r"part: every test image is also a training image in .*pets; give other"):
        available(RealTask(real, open_source(str(part))), "test")
    other = folder({"cat": 3, "dog": 3}, "others")
    assert available(RealTask(real, other), "test") == 3


def test_test_images_are_limited_in_whole_groups_and_the_notes_say_so(folder: Folder) -> None:
    real, test = folder({"cat": 8, "dog": 8}), folder({"cat": 20, "dog": 40}, "test")
    task = RealTask(real, test, test_images=20)
    assert task.counts("test") == (10, 10)
    assert task.counts("train") == (8, 8)
    assert any(note.startswith("20 of the 60 real test images are used") for note in task.notes)
    assert len(task.groups_by_split["test"]) == 20, "the others are not looked at"
    assert task.fingerprint() != RealTask(real, test).fingerprint()
    assert RealTask(real, test, test_images=60).counts("test") == (20, 40)
    held_out = RealTask(folder({"cat": 40, "dog": 40}, "more"), test_images=6)
    assert held_out.counts("test") == (3, 3)
    assert held_out.counts("train") == (32, 32), "test images that are not used are never trained on"
