from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from layout_examples import picture, put, tree

from prettyuseful.data.sources import walker
from prettyuseful.data.sources.walker import walk
from prettyuseful.errors import DataError


def test_a_walk_lists_files_by_kind_and_sorted(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.jpg", "a/x/3.png", "labels.csv", "x.tar", "x.zip", "data.arrow", "notes.txt"):
        put(tmp_path, name, "x")
    for name in ("data.yaml", ".hidden", ".git/x.png", "__MACOSX/1.png", "b/Thumbs.db"):
        put(tmp_path, name, "x")
    put(tmp_path, "b/no_suffix", picture("cat", 0))
    top = walk(tmp_path)
    assert list(top.image_paths()) == ["a/x/3.png", "b/1.jpg", "b/2.png", "b/no_suffix"]
    assert (top.below, top.folders["a"].below, top.folders["a"].folders["x"].path) == (4, 1, "a/x")
    assert (top.tables, top.shards, top.archives, top.arrow) == (["labels.csv"], ["x.tar"], ["x.zip"], ["data.arrow"])
    assert top.marks == {"data.yaml"}
    assert top.folders["b"].by_content == ["b/no_suffix"]
    assert top.all_skipped() == {"hidden": 2, ".txt": 1, ".yaml": 1, "__MACOSX": 1, "Thumbs.db": 1}
    assert [folder.name for folder in top.filled_folders()] == ["a", "b"]


def test_links_to_folders_are_followed_unless_they_are_read_elsewhere(tmp_path: Path) -> None:
    tree(tmp_path / "place", classes=["cat"], count=2)
    tree(tmp_path / "other", classes=["dog"], count=3)
    for name, target in (("dog", "../other/dog"), ("again", "cat"), ("cat/up", "../../place"), ("z", "dog")):
        (tmp_path / "place" / name).symlink_to(target, target_is_directory=True)
    top = walk(tmp_path / "place")
    assert list(top.image_paths()) == [
        *(f"cat/{i:03d}.png" for i in range(2)),
        *(f"dog/{i:03d}.png" for i in range(3)),
    ]
    assert sorted(path for folder in top.walk() for path in folder.repeated) == ["again", "cat/up", "z"]


PROBLEMS: list[tuple[Callable[[Path], object], str]] = [
    (lambda cat: (cat / "x.png").symlink_to("nowhere"), "x.png is a broken link"),
    (lambda cat: (cat / "x.png").symlink_to("x.png"), "x.png is a broken link"),
    (lambda cat: (cat / "x.png").symlink_to("/dev/zero"), "x.png is not a regular file"),
    (lambda cat: os.mkfifo(cat / "x.png"), "x.png is not a regular file"),
    (lambda cat: os.mkfifo(cat / "x.tar"), "x.tar is not a regular file"),
    (lambda cat: (cat / "\udcff.png").write_bytes(b"x"), "\\udcff.png: the name is not UTF-8 text"),
]


@pytest.mark.parametrize(("change", "message"), PROBLEMS)
def test_images_that_cannot_be_opened_are_kept_as_problems(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    tree(tmp_path, classes=["cat"], count=1)
    change(tmp_path / "cat")
    top = walk(tmp_path)
    (problem,) = top.folders["cat"].problems
    assert message in problem
    assert list(top.image_paths()) == ["cat/000.png"]


def test_other_special_files_are_skipped(tmp_path: Path) -> None:
    tree(tmp_path, classes=["cat"], count=1)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "\udcff.txt").write_bytes(b"x")
    assert walk(tmp_path).all_skipped() == {"special files": 1, "broken links": 1, ".txt": 1}


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, classes=["cat"], count=1)
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "cat":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cat: cannot be read \(Permission denied\)"):
        walk(tmp_path)


def test_names_may_be_odd(tmp_path: Path) -> None:
    names = ["a\nb.png", "\x1b[31m.png", "x" * 236 + ".png", "é.png", " .png", "%s{0}.png"]
    for name in names:
        put(tmp_path, f"cat/{name}", "x")
    assert walk(tmp_path).folders["cat"].images == sorted(names)


@pytest.mark.parametrize(("limit", "what"), [("MAX_FILES", "files"), ("MAX_FOLDERS", "folders")])
def test_the_number_of_files_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, what: str) -> None:
    tree(tmp_path)
    monkeypatch.setattr(walker, limit, 3)
    with pytest.raises(DataError, match=f"has more than 3 {what}"):
        walk(tmp_path)


def test_deep_folders_are_read(tmp_path: Path) -> None:
    put(tmp_path, "/".join(["a"] * 400) + "/1.png", "x")
    assert walk(tmp_path).below == 1
