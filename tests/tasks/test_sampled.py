"""What tasks from sources of images share, whatever makes their groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.real import RealTask
from prettyuseful.tasks.sampled import SampledTask


def both_tasks(folder: Path, choice: ClassChoice) -> tuple[SampledTask, SampledTask]:
    train, test = (open_source(str(folder / split)) for split in ("train", "test"))
    return FolderTask(folder, choice=choice), RealTask(train, test, choice=choice)


@pytest.mark.parametrize("which", [0, 1])
def test_classes_keep_what_they_have_under_their_names(folder_task: Path, which: int) -> None:
    (folder_task / "train/red/003.png").unlink()
    task = both_tasks(folder_task, ClassChoice(names={"red": "crimson"}))[which]
    assert (task.classes, task.counts("train"), task.counts("test")) == (("blue", "crimson"), (8, 7), (14, 14))
    more, fewer = (list(task.images("train", ClassCounts(counts))) for counts in ((8, 7), (2, 5)))
    assert fewer == more[:2] + more[8:13]
    assert [row.label for row in more] == [0] * 8 + [1] * 7


@pytest.mark.parametrize("which", [0, 1])
def test_broken_images_are_all_named(folder_task: Path, which: int) -> None:
    for i in range(3):
        (folder_task / f"train/red/{i:03d}.png").write_text("x")
    with pytest.raises(DataError) as error:
        list(both_tasks(folder_task, ClassChoice())[which].images("train", 1))
    assert all(f"train/red/{i:03d}.png" in str(error.value) for i in range(3))


def test_both_kinds_draw_the_same_images_of_the_same_groups(folder_task: Path) -> None:
    first, second = both_tasks(folder_task, ClassChoice())
    if first.groups_by_split == second.groups_by_split:
        assert [row.data for row in first.images("train", 4)] == [row.data for row in second.images("train", 4)]
    assert first.fingerprint() != second.fingerprint()
