from __future__ import annotations

import pytest

from prettyuseful.checks.sequences import source_of

VIDEOS = [f"cat/video_{v:03d}_{f:04d}.jpg" for v in range(5) for f in range(4)]


@pytest.mark.parametrize(
    ("paths", "source"),
    [
        (["a/video1_frame_0001.jpg", "a/video1_frame_0002.jpg"], "a/video1"),
        (["a/img_12_crop3.png", "a/img_12_crop4.png"], "a/img_12"),
        (["a/scan7-patch-1.png", "a/scan7-patch-2.png"], "a/scan7"),
        (["a/p_jpg.rf.0123456789abcdef0123.jpg", "a/p_jpg.rf.fedcba9876543210ffff.jpg"], "a/p_jpg"),
        (["a/tree_flip.png", "a/tree_aug1.png"], "a/tree"),
        (["a\\walk_frame1.png", "a\\walk_frame2.png"], "a/walk"),
    ],
)
def test_names_that_say_so_have_one_source(paths: list[str], source: str) -> None:
    assert source_of(paths, [0] * len(paths)) == [source] * len(paths)


def test_counters_behind_numbers_are_frames_where_a_class_has_several_sources() -> None:
    assert set(source_of(VIDEOS, [0] * len(VIDEOS))) == {f"cat/video_{v:03d}" for v in range(5)}


@pytest.mark.parametrize(
    "names",
    [
        [f"img_{i:04d}.jpg" for i in range(30)],
        [f"{i:05d}.png" for i in range(30)],
        [f"n01440764_{i}.JPEG" for i in range(30)],  # ImageNet: the number is the class
        [f"ILSVRC2012_val_{i:08d}.JPEG" for i in range(30)],
        [f"001.Albatross_{i:04d}_{79000 + i}.jpg" for i in range(30)],
        [f"IMG_202301{d:02d}_{120000 + i}.jpg" for d in range(10, 15) for i in range(6)],
        [f"apple ({i}).jpg" for i in range(30)],
        [f"{i * 7919:x}-4f2a.jpg" for i in range(30)],
        ["a_frame_1.png", "b_frame_1.png"],  # one image of each source
        ["picture of a frame.jpg", "photo frame.jpg"],
        ["crop_1.jpg", "crop_2.jpg"],
    ],
)
def test_plain_counters_dates_and_class_ids_tell_of_no_source(names: list[str]) -> None:
    assert set(source_of([f"x/{name}" for name in names], [0] * len(names))) == {None}


def test_equal_names_in_two_folders_are_two_sources() -> None:
    paths = ["a/v_frame_1.png", "a/v_frame_2.png", "b/v_frame_1.png", "b/v_frame_2.png"]
    assert source_of(paths, [0, 0, 1, 1]) == ["a/v", "a/v", "b/v", "b/v"]
