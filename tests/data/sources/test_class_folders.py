from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from layout_examples import put, tree

from prettyuseful.data.sources.class_folders import find_classes, has_class_folders
from prettyuseful.data.sources.walker import walk


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["cat", "dog"], "cat dog"),
        (["cat"], "cat"),
        (["data/cat", "data/dog"], "cat dog"),
        (["a/b/cat", "a/b/dog"], "cat dog"),
        (["cat/session1", "cat/session2", "dog/session1", "dog/session2"], "cat dog"),
        (["cat/session1", "cat/session2", "dog/session3", "dog/session4"], "cat dog"),
        (["cat/2021", "cat/2022", "dog/2023", "dog/2024"], "cat dog"),
        (["cat/images", "dog/images"], "cat dog"),
        (["cat/front", "cat/back", "dog/front", "dog/back"], "cat dog"),
        (["cat", "cat/more", "dog/rex", "dog/bella"], "cat dog"),
        (["animal/cat", "animal/dog", "vehicle/car"], "animal vehicle"),
        (["animal/cat", "animal/dog", "vehicle/car", "vehicle/bus"], "bus car cat dog"),
        (["a/b/cat", "a/b/dog", "a/c/owl", "x/car", "x/bus"], "bus car cat dog owl"),
        (
            ["food/apple", "food/orange", "food/kiwi", "colour/orange", "colour/red"],
            "apple colour/orange food/orange kiwi red",
        ),
    ],
)
def test_classes_of_trees(tmp_path: Path, folders: Sequence[str], classes: str) -> None:
    tree(tmp_path, classes=folders, count=1)
    found = find_classes(walk(tmp_path), "here")
    assert " ".join(sorted(found.folders)) == classes
    assert sum(folder.below for folder in found.folders.values()) == len(folders)
    assert bool(found.notes) == any("/" in folder for folder in folders)


def test_folders_without_images_and_loose_images_are_named(tmp_path: Path) -> None:
    tree(tmp_path, count=1)
    put(tmp_path, "labels/cat.txt", "x")
    put(tmp_path, "grid.png", "x")
    assert find_classes(walk(tmp_path), "here").notes == (
        "here: folders without images are left out: 'labels'.",
        "here: images beside the class folders are left out: 'grid.png'.",
    )


@pytest.mark.parametrize(
    ("folders", "has"),
    [(["cat", "dog"], True), (["images"], False), (["images_1", "images_2"], False), (["data/cat", "data/dog"], True)],
)
def test_one_folder_or_numbered_folders_are_no_class_folders(tmp_path: Path, folders: list[str], has: bool) -> None:
    tree(tmp_path, classes=folders, count=1)
    assert has_class_folders(walk(tmp_path)) is has
