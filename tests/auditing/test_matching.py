from __future__ import annotations

from pathlib import Path

import pytest
from tests.auditing.colours import write_class_folders

from prettyuseful.auditing.matching import match_set, matching_notes, small_classes, small_classes_note
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import Task
from prettyuseful.tasks.source import TaskSource


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """5 blue, 5 green and 2 red training images."""
    root = tmp_path_factory.mktemp("task")
    write_class_folders(root / "train", {"red": 2, "green": 5, "blue": 5}, 0)
    write_class_folders(root / "test", {"red": 3, "green": 1, "blue": 3}, 1)
    return TaskSource(folder=str(root)).open()


def test_every_class_is_cut_to_the_smaller_number(task: Task, tmp_path: Path) -> None:
    images = write_class_folders(tmp_path / "fake", {"red": 3, "green": 1, "blue": 9}, 2)
    (images / "red").rename(images / "Red")
    matched = match_set("fake", open_source(str(images)), task)
    assert (matched.available, matched.used) == (ClassCounts([9, 1, 3]), ClassCounts([5, 1, 2]))
    assert (matched.stray, matched.left_out(3)) == ({}, 5)
    assert list(matching_notes([matched], task)) == [
        "fake and the real images are matched class by class: every class is cut to the smaller number of its images, "
        "1 to 5.",
        "The class green has the fewest images: 1 image in fake.",
        "Classes have 1 to 3 real test images. Accuracy is the mean over classes, so all count alike.",
    ]


def test_sets_with_equal_numbers_share_a_note_and_stray_classes_are_named(task: Task, tmp_path: Path) -> None:
    sets = []
    for name in ("a", "b"):
        images = write_class_folders(tmp_path / name, {"red": 2, "green": 2, "blue": 2}, 3)
        if name == "b":
            (images / "red").rename(images / "misc")
            write_class_folders(images, {"red": 4}, 4)
        sets.append(match_set(name, open_source(str(images)), task))
    notes = list(matching_notes(sets, task))
    assert notes[:2] == [
        "1 class of b is no class of the task and is left out: misc (2 images).",
        "a, b and the real images are matched class by class: every class is cut to 2, as many images as both have.",
    ]
    assert sets[1].left_out(3) == 4


def test_a_missing_class_is_an_error_that_says_how_to_leave_it_out(task: Task, tmp_path: Path) -> None:
    source = open_source(str(write_class_folders(tmp_path / "fake", {"red": 2, "green": 1}, 5)))
    with pytest.raises(DataError, match=r"'blue'.*--min-per-class 1"):
        match_set("fake", source, task)
    small = small_classes({"fake": source}, task.classes, 2)
    assert small == {"blue": ("fake", 0), "green": ("fake", 1)}
    assert small_classes_note(small, 2) == (
        "Classes with fewer than 2 images in a synthetic set are left out of every data set: blue (0 images in fake), "
        "green (1 image in fake)."
    )


def test_a_set_without_any_class_of_the_task_is_an_error(task: Task, tmp_path: Path) -> None:
    images = write_class_folders(tmp_path / "fake", {"red": 2}, 6)
    (images / "red").rename(images / "crimson")
    source = open_source(str(images))
    for match in (lambda: match_set("fake", source, task), lambda: small_classes({"fake": source}, task.classes, 1)):
        with pytest.raises(DataError, match="no images of 3 of the task's 3 classes") as error:
            match()
        assert "--min-per-class" not in str(error.value)
