from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.errors import DataError
from prettyuseful.tasks.folder import FolderTask


def test_a_folder_is_a_task(folder_task: Path) -> None:
    task = FolderTask(folder_task)
    assert task.classes == ("blue", "red")
    assert task.available("train") == 8
    rows = list(task.images("train", 2))
    assert [row.path for row in rows] == [f"train/{c}/00{i}.png" for c in ("blue", "red") for i in (0, 1)]
    assert rows[0].data == (folder_task / "train/blue/000.png").read_bytes()


def test_available_is_what_the_poorest_class_has(folder_task: Path) -> None:
    (folder_task / "train/red/003.png").unlink()
    assert FolderTask(folder_task).available("train") == 7


def test_an_empty_class_is_named(folder_task: Path) -> None:
    for split in ("train", "test"):
        (folder_task / split / "green").mkdir()
    with pytest.raises(DataError, match=r"train/green is empty"):
        FolderTask(folder_task)


def test_a_class_without_test_images_is_named(folder_task: Path) -> None:
    shutil.copytree(folder_task / "train/red", folder_task / "train/pink")
    with pytest.raises(DataError, match=r"pink \(not in test\)"):
        FolderTask(folder_task)


def test_a_missing_split_is_named(folder_task: Path) -> None:
    shutil.rmtree(folder_task / "test")
    with pytest.raises(DataError, match="no folder 'test'"):
        FolderTask(folder_task)


def test_one_class_is_no_task(folder_task: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder_task / split / "red")
    with pytest.raises(DataError, match="at least two"):
        FolderTask(folder_task)


@pytest.mark.parametrize("content", [b"no image", b"", "truncated"])
def test_a_broken_file_is_named_even_if_it_is_not_asked_for(folder_task: Path, content: bytes | str) -> None:
    path = folder_task / "train/red/007.png"
    path.write_bytes(path.read_bytes()[:100] if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"train/red/007\.png"):
        list(FolderTask(folder_task).images("train", 2))


def test_every_broken_file_counts(folder_task: Path) -> None:
    for i in range(8):
        (folder_task / f"train/red/{i:03d}.png").write_text("x")
    with pytest.raises(DataError, match=r"\(and 3 more\)"):
        list(FolderTask(folder_task).images("train", 2))


def test_hidden_files_are_not_images(folder_task: Path) -> None:
    (folder_task / "train/red/.DS_Store").write_text("x")
    assert FolderTask(folder_task).available("train") == 8


def test_the_fingerprint_follows_the_images(folder_task: Path) -> None:
    before = FolderTask(folder_task).fingerprint()
    assert before == FolderTask(folder_task).fingerprint()
    Image.new("RGB", (24, 24)).save(folder_task / "test/red/000.png")
    assert before != FolderTask(folder_task).fingerprint()


def test_hidden_folders_are_not_images_either(folder_task: Path) -> None:
    (folder_task / "train/red/.ipynb_checkpoints").mkdir()
    shutil.copy(folder_task / "train/red/000.png", folder_task / "train/red/.ipynb_checkpoints/000-checkpoint.png")
    assert FolderTask(folder_task).available("train") == 8
    assert all("/." not in row.path for row in FolderTask(folder_task).images("train", 8))


def test_an_image_outside_every_class_is_named(folder_task: Path) -> None:
    shutil.copy(folder_task / "train/red/000.png", folder_task / "train/stray.png")
    with pytest.raises(DataError, match=r"stray\.png"):
        FolderTask(folder_task)


def test_a_link_to_nowhere_is_named(folder_task: Path) -> None:
    (folder_task / "train/red/lost.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"lost\.png"):
        list(FolderTask(folder_task).images("train", 2))


def test_a_link_to_a_folder_is_named_as_it_may_hold_itself(folder_task: Path) -> None:
    (folder_task / "train/red/again").symlink_to(folder_task / "train/red")
    with pytest.raises(DataError, match=r"red/again is a link to a folder"):
        FolderTask(folder_task)


def test_a_linked_class_folder_and_a_linked_image_are_as_good_as_others(folder_task: Path) -> None:
    before = list(FolderTask(folder_task).images("train", 8))
    (folder_task / "train/red").rename(folder_task / "kept")
    (folder_task / "train/red").symlink_to(folder_task / "kept")
    (folder_task / "kept/000.png").rename(folder_task / "first.png")
    (folder_task / "kept/000.png").symlink_to(folder_task / "first.png")
    assert list(FolderTask(folder_task).images("train", 8)) == before


def test_folders_within_a_class_are_looked_into_in_the_order_of_names(folder_task: Path) -> None:
    (folder_task / "train/red/0005").mkdir()
    (folder_task / "train/red/000.png").rename(folder_task / "train/red/0005/z.png")
    (folder_task / "train/red/007.png").rename(folder_task / "train/red/00a.png")
    (folder_task / "train/red/006.png").rename(folder_task / "train/red/01A.png")
    rows = [row.path.removeprefix("train/red/") for row in FolderTask(folder_task).images("train", 8) if row.label]
    assert rows == ["0005/z.png", "001.png", "002.png", "003.png", "004.png", "005.png", "00a.png", "01A.png"]


def test_labels_are_the_classes_and_a_smaller_request_is_a_prefix(folder_task: Path) -> None:
    task = FolderTask(folder_task)
    more, fewer = list(task.images("train", 8)), list(task.images("train", 3))
    assert [row.label for row in more] == [0] * 8 + [1] * 8
    assert fewer == more[:3] + more[8:11]
    assert not {row.group for row in more} & {row.group for row in task.images("test", 8)}


def test_more_than_there_is_says_how_much_there_is(folder_task: Path) -> None:
    with pytest.raises(DataError, match=r"has 8 train images per class, 9 were asked for"):
        list(FolderTask(folder_task).images("train", 9))
