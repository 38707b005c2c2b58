from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import SPLITS, available
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.source import TaskSource

from .conftest import make_dataset, picture, save_parquet


def test_a_folder_is_a_task(folder_task: Path) -> None:
    task = FolderTask(folder_task)
    assert task.classes == ("blue", "red")
    assert available(task, "train") == 8
    rows = list(task.images("train", 2))
    assert [row.label for row in rows] == [0, 0, 1, 1]
    files = {path.read_bytes() for name in ("blue", "red") for path in (folder_task / "train" / name).iterdir()}
    assert {row.data for row in rows} < files


def test_available_is_the_size_of_the_smallest_class(folder_task: Path) -> None:
    (folder_task / "train/red/003.png").unlink()
    assert available(FolderTask(folder_task), "train") == 7


def test_class_without_test_images_is_reported(folder_task: Path) -> None:
    shutil.copytree(folder_task / "train/red", folder_task / "train/pink")
    with pytest.raises(
        DataError,
        match=r"test images: .* has no images of 1 of the task's 3 classes: 'pink'.* leave_out",
    ):
        FolderTask(folder_task)


def test_missing_split_is_reported(folder_task: Path) -> None:
    shutil.rmtree(folder_task / "test")
    with pytest.raises(DataError, match="has no test images; add a folder test next to the folder train"):
        FolderTask(folder_task)


def test_task_with_one_class_is_refused(folder_task: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder_task / split / "red")
    with pytest.raises(DataError, match="a task needs at least 2 classes"):
        FolderTask(folder_task)


@pytest.mark.parametrize("content", [b"no image", b"", "truncated"])
def test_broken_files_are_listed_even_if_they_are_not_requested(folder_task: Path, content: bytes | str) -> None:
    path = folder_task / "train/red/007.png"
    path.write_bytes(path.read_bytes()[:100] if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"train/red/007\.png"):
        list(FolderTask(folder_task).images("train", 2))


def test_all_broken_files_are_listed(folder_task: Path) -> None:
    for i in range(8):
        (folder_task / f"train/red/{i:03d}.png").write_text("x")
    with pytest.raises(DataError, match=r"\(and 3 more\)"):
        list(FolderTask(folder_task).images("train", 2))


def test_hidden_files_are_not_images(folder_task: Path) -> None:
    (folder_task / "train/red/.DS_Store").write_text("x")
    assert available(FolderTask(folder_task), "train") == 8


def test_the_fingerprint_follows_the_images(folder_task: Path) -> None:
    before = FolderTask(folder_task).fingerprint()
    assert before == FolderTask(folder_task).fingerprint()
    Image.new("RGB", (24, 24)).save(folder_task / "test/red/000.png")
    assert before != FolderTask(folder_task).fingerprint()


def test_hidden_folders_are_not_images_either(folder_task: Path) -> None:
    (folder_task / "train/red/.ipynb_checkpoints").mkdir()
    shutil.copy(folder_task / "train/red/000.png", folder_task / "train/red/.ipynb_checkpoints/000-checkpoint.png")
    assert available(FolderTask(folder_task), "train") == 8
    assert all("/." not in row.path for row in FolderTask(folder_task).images("train", 8))


def test_what_is_left_out_is_noted(folder_task: Path) -> None:
    (folder_task / "train/green").mkdir()
    shutil.copy(folder_task / "train/red/000.png", folder_task / "train/stray.png")
    (folder_task / "train/red/again").symlink_to(folder_task / "train/red")
    (folder_task / "train/red/Thumbs.db").write_text("x")
    task = FolderTask(folder_task)
    assert (task.classes, task.counts("train")) == (("blue", "red"), (8, 8))
    notes = " ".join(task.notes)
    assert all(name in notes for name in ("green", "stray.png", "red/again", "Thumbs.db"))


def test_broken_link_is_refused(folder_task: Path) -> None:
    (folder_task / "train/red/lost.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"lost\.png"):
        list(FolderTask(folder_task).images("train", 2))


def test_links_to_class_folders_and_images_are_followed(folder_task: Path) -> None:
    before = list(FolderTask(folder_task).images("train", 8))
    elsewhere = folder_task.parent / "elsewhere"
    (folder_task / "train/red").rename(elsewhere)
    (folder_task / "train/red").symlink_to(elsewhere)
    (elsewhere / "000.png").rename(folder_task.parent / "first.png")
    (elsewhere / "000.png").symlink_to(folder_task.parent / "first.png")
    assert list(FolderTask(folder_task).images("train", 8)) == before


def test_nested_folders_are_read(folder_task: Path) -> None:
    (folder_task / "train/red/0005").mkdir()
    (folder_task / "train/red/000.png").rename(folder_task / "train/red/0005/z.png")
    (folder_task / "train/red/007.png").rename(folder_task / "train/red/00a.png")
    (folder_task / "train/red/006.png").rename(folder_task / "train/red/01A.png")
    rows = {row.path for row in FolderTask(folder_task).images("train", 8) if row.label}
    names = ("0005/z.png", "001.png", "002.png", "003.png", "004.png", "005.png", "00a.png", "01A.png")
    assert rows == {f"train/red/{name}" for name in names}


def test_labels_are_the_classes_and_a_smaller_request_is_a_prefix(folder_task: Path) -> None:
    task = FolderTask(folder_task)
    more, fewer = list(task.images("train", 8)), list(task.images("train", 3))
    assert [row.label for row in more] == [0] * 8 + [1] * 8
    assert fewer == more[:3] + more[8:11]
    assert not {row.group for row in more} & {row.group for row in task.images("test", 8)}


def test_request_for_too_many_images_reports_the_available_number(folder_task: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"has only 8 train images of the class 'blue', but 9 were requested \(2 classes .* or set it to all",
    ):
        list(FolderTask(folder_task).images("train", 9))


# Splits.


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "Validation"])
def test_validation_images_are_tested_on_where_there_is_no_test(folder_task: Path, name: str) -> None:
    expected = list(FolderTask(folder_task).images("test", 8))
    (folder_task / "test").rename(folder_task / name)
    task = FolderTask(folder_task)
    assert [row.data for row in task.images("test", 8)] == [row.data for row in expected]
    assert any(name in note for note in task.notes)


def test_the_split_to_test_on_can_be_named(folder_task: Path) -> None:
    shutil.copytree(folder_task / "test", folder_task / "val")
    for name in ("blue", "red"):
        (folder_task / "val" / name / "000.png").unlink()
    assert FolderTask(folder_task).counts("test") == (14, 14)
    assert FolderTask(folder_task, test="val").counts("test") == (13, 13)
    opened = TaskSource.model_validate({"folder": str(folder_task), "test": "val"}).open()
    assert opened.counts("test") == (13, 13)
    with pytest.raises(DataError, match="exam"):
        FolderTask(folder_task, test="exam")


# Classes.


def test_classes_are_named_in_words(folder_task: Path) -> None:
    task = TaskSource.model_validate({"folder": str(folder_task), "classes": {"red": "crimson red"}}).open()
    assert task.classes == ("blue", "crimson red")
    assert {row.label for row in task.images("test", ClassCounts(2))} == {0, 1}
    assert task.fingerprint() != FolderTask(folder_task).fingerprint()


def test_numbers_in_a_study_file_are_names_of_classes(folder_task: Path) -> None:
    for split in ("train", "test"):
        (folder_task / split / "red").rename(folder_task / split / "12")
    task = TaskSource.model_validate({"folder": str(folder_task), "classes": {12: "crimson"}}).open()
    assert set(task.classes) == {"blue", "crimson"}


def test_unequal_classes_keep_what_they_have(folder_task: Path) -> None:
    (folder_task / "train/red/003.png").unlink()
    task = FolderTask(folder_task)
    assert (task.counts("train"), available(task, "train")) == ((8, 7), 7)
    assert [row.label for row in task.images("train", ClassCounts((8, 7)))] == [0] * 8 + [1] * 7
    assert [row.label for row in task.images("train", ClassCounts((0, 2)))] == [1, 1]
    with pytest.raises(DataError, match="has only 7 train images of the class 'red', but 8 were requested; lower"):
        next(task.images("train", ClassCounts(8)))


def add_class(folder_task: Path, name: str, train: int, test: int, first: int = 5000) -> None:
    for split, count in (("train", train), ("test", test)):
        if count:
            (folder_task / split / name).mkdir()
        for i in range(count):
            (folder_task / split / name / f"{i}.png").write_bytes(picture(first + i))
        first += count


def test_classes_are_left_out_and_noted(folder_task: Path) -> None:
    add_class(folder_task, "pink", 3, 0)
    with pytest.raises(DataError, match="pink"):
        FolderTask(folder_task)
    task = FolderTask(folder_task, choice=ClassChoice(leave_out=("pink",)))
    assert task.classes == ("blue", "red")
    assert "The task leaves out pink." in task.notes


def test_small_classes_are_left_out_and_noted(folder_task: Path) -> None:
    add_class(folder_task, "pink", 3, 0)
    add_class(folder_task, "green", 5, 2)
    task = FolderTask(folder_task, choice=ClassChoice(min_per_class=6))
    assert (task.classes, task.counts("train"), task.counts("test")) == (("blue", "red"), (8, 8), (14, 14))
    assert "Classes with fewer than 6 training images are left out: pink (3), green (5)." in task.notes


def test_a_stray_folder_of_the_test_images_is_left_out_and_noted(folder_task: Path) -> None:
    add_class(folder_task, "outtakes", 0, 1)
    task = FolderTask(folder_task)
    assert task.counts("test") == (14, 14)
    (note,) = [note for note in task.notes if "outtakes" in note]
    assert note == "The test images have classes that the training images lack, so they are left out: outtakes."


# What is drawn.


@pytest.mark.parametrize(
    "new_name",
    [lambda number: f"{(number * 37) % 101:03d}", lambda number: f"z{99 - number}", lambda number: f"sub/{number}"],
)
def test_file_names_decide_nothing(folder_task: Path, new_name: Callable[[int], str]) -> None:
    shutil.copy(folder_task / "train/red/003.png", folder_task / "train/red/copy.png")

    def drawn(per_class: int = 3) -> list[tuple[bytes, int, str]]:
        task = FolderTask(folder_task)
        return [(row.data, row.label, row.group) for split in SPLITS for row in task.images(split, per_class)]

    before, everything = drawn(), drawn(8)
    for number, path in enumerate(sorted(folder_task.rglob("*.png"), reverse=True)):
        target = path.parent / f"new-{new_name(number)}.png"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    assert (drawn(), drawn(8)) == (before, everything)
    assert [data for data, _, _ in before] != [data for data, _, _ in sorted(before)]


def test_equal_images_are_one_group(folder_task: Path) -> None:
    shutil.copy(folder_task / "train/red/003.png", folder_task / "train/red/copy.png")
    groups = [row.group for row in FolderTask(folder_task).images("train", ClassCounts((8, 9)))]
    assert len(set(groups)) == len(groups) - 1


# Other layouts.


def test_a_clone_of_a_hub_data_set_is_a_task(tmp_path: Path) -> None:
    names = ["plum", "fig"]
    train = make_dataset([0, 1, 1, 0], names).rename_column("image", "photo").rename_column("label", "kind")
    test = make_dataset([1, 0], names, first=50).rename_column("image", "photo").rename_column("label", "kind")
    save_parquet(tmp_path / "fruit/data", train=train, test=test)
    (tmp_path / "fruit/README.md").write_text("# Fruit")
    for fields in ({}, {"image": "photo", "label": "kind"}):
        task = TaskSource.model_validate({"folder": str(tmp_path / "fruit"), **fields}).open()
        assert (task.classes, task.counts("train"), task.counts("test")) == (("plum", "fig"), (2, 2), (1, 1))
        assert [row.data for row in task.images("test", ClassCounts(1))] == [picture(51), picture(50)]
    with pytest.raises(DataError, match="absent"):
        TaskSource(folder=str(tmp_path / "fruit"), image="absent").open()


def test_images_with_a_table_are_a_task(folder_task: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        lines = ["file_name,label"]
        for path in sorted((folder_task / split).glob("*/*.png")):
            name = f"{path.parent.name}-{path.name}"
            (tmp_path / "flat" / split).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "flat" / split / name)
            lines.append(f"{name},{path.parent.name}")
        (tmp_path / "flat" / split / "metadata.csv").write_text("\n".join(lines))
    flat, folders = FolderTask(tmp_path / "flat"), FolderTask(folder_task)
    assert [(row.data, row.label) for row in flat.images("train", 5)] == [
        (row.data, row.label) for row in folders.images("train", 5)
    ]


def test_a_place_without_splits_is_refused_with_the_remedy(folder_task: Path) -> None:
    with pytest.raises(DataError, match=r"has no test images; .* or write `real: ` instead of `folder: `"):
        FolderTask(folder_task / "train")
