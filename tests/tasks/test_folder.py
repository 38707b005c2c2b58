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


def test_available_is_the_size_of_the_smallest_class(folder_task: Path) -> None:
    (folder_task / "train/red/003.png").unlink()
    assert FolderTask(folder_task).available("train") == 7


def test_empty_class_is_reported(folder_task: Path) -> None:
    for split in ("train", "test"):
        (folder_task / split / "green").mkdir()
    with pytest.raises(DataError, match=r"train/green has no images"):
        FolderTask(folder_task)


def test_class_without_test_images_is_reported(folder_task: Path) -> None:
    shutil.copytree(folder_task / "train/red", folder_task / "train/pink")
    with pytest.raises(DataError, match=r"pink \(not in test\)"):
        FolderTask(folder_task)


def test_missing_split_is_reported(folder_task: Path) -> None:
    shutil.rmtree(folder_task / "test")
    with pytest.raises(DataError, match="no folder 'test'"):
        FolderTask(folder_task)


def test_task_with_one_class_is_refused(folder_task: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder_task / split / "red")
    with pytest.raises(DataError, match="at least 2 class folders"):
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


def test_image_outside_of_class_folders_is_reported(folder_task: Path) -> None:
    shutil.copy(folder_task / "train/red/000.png", folder_task / "train/stray.png")
    with pytest.raises(DataError, match=r"stray\.png"):
        FolderTask(folder_task)


def test_broken_link_is_refused(folder_task: Path) -> None:
    (folder_task / "train/red/lost.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"lost\.png"):
        list(FolderTask(folder_task).images("train", 2))


def test_link_to_a_folder_is_refused(folder_task: Path) -> None:
    (folder_task / "train/red/again").symlink_to(folder_task / "train/red")
    with pytest.raises(DataError, match=r"red/again is a link to a folder"):
        FolderTask(folder_task)


def test_links_to_class_folders_and_images_are_followed(folder_task: Path) -> None:
    before = list(FolderTask(folder_task).images("train", 8))
    (folder_task / "train/red").rename(folder_task / "kept")
    (folder_task / "train/red").symlink_to(folder_task / "kept")
    (folder_task / "kept/000.png").rename(folder_task / "first.png")
    (folder_task / "kept/000.png").symlink_to(folder_task / "first.png")
    assert list(FolderTask(folder_task).images("train", 8)) == before


def test_nested_folders_are_read_in_order_of_names(folder_task: Path) -> None:
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


def test_request_for_too_many_images_reports_the_available_number(folder_task: Path) -> None:
    with pytest.raises(DataError, match=r"has only 8 train images per class, but 9 were requested"):
        list(FolderTask(folder_task).images("train", 9))
