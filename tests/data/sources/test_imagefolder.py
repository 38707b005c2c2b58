from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.data.dataset import Row
from prettyuseful.data.sources import safe_reading
from prettyuseful.data.sources.imagefolder import ImageFolderSource
from prettyuseful.errors import DataError


@pytest.fixture
def tree(tmp_path: Path, rows: list[Row]) -> Path:
    for row in rows:
        path = tmp_path / "tree" / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.data)
    return tmp_path / "tree"


def test_rows_are_the_files_in_order(tree: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    source = ImageFolderSource(str(tree))
    assert source.counts() == {"dog": 3, "polar bear": 3}
    expected = [Row(row.data, row.path, row.label, row.path) for row in [*rows[1::2], *rows[::2]]]
    assert list(source.rows(classes, 3)) == expected
    assert list(source.rows(classes, 2)) == [row for row in expected if row.path[-5] not in "45"]
    assert list(source.rows(("dog",), 1)) == [Row(rows[1].data, rows[1].path, 0, rows[1].path)]
    assert list(source.rows(classes, 0)) == []


def test_nested_folders_are_read_and_hidden_files_are_not(tree: Path, classes: tuple[str, ...]) -> None:
    (tree / "dog" / "more" / "and more").mkdir(parents=True)
    (tree / "dog" / "000001.png").rename(tree / "dog" / "more" / "and more" / "z.PNG")
    for hidden in (tree / ".DS_Store", tree / "dog" / ".DS_Store", tree / ".cache" / "x.png", tree / "dog/.git/x.txt"):
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_text("hidden")
    paths = [row.path for row in ImageFolderSource(str(tree)).rows(classes, 3)]
    assert paths[:3] == ["dog/000003.jpg", "dog/000005.jpg", "dog/more/and more/z.PNG"]


def loop(tree: Path) -> None:
    (tree / "dog" / "loop").symlink_to(tree, target_is_directory=True)


WRONG: list[tuple[Callable[[Path], object], str]] = [
    (lambda tree: (tree / "notes.txt").write_text("x"), r"notes\.txt is not in a class folder"),
    (lambda tree: (tree / "cat").mkdir(), "class folder .*cat has no images"),
    (lambda tree: (tree / "dog" / "0.txt").write_text("x"), r"dog/0\.txt has no image suffix"),
    (
        lambda tree: (tree / "dog" / "0.png").symlink_to("nowhere"),
        r"dog/0\.png is not a regular file, or is a broken",
    ),
    (lambda tree: os.mkfifo(tree / "dog" / "0.png"), r"dog/0\.png is not a regular file"),
    (loop, "dog/loop is a link to a folder"),
    (lambda tree: (tree / "dog" / "0\n.txt").write_text("x"), r"dog/0\\n\.txt has no image suffix"),
    (lambda tree: (tree / "dog" / "0\udcff.png").write_bytes(b"x"), r"'0\\udcff\.png' is not a valid name"),
    (lambda tree: (tree / "dog" / "0.png").write_bytes(b"no image"), r"dog/0\.png: not an image"),
    (lambda tree: (tree / "prettyuseful.json").write_text("{"), r"prettyuseful\.json: broken"),
    (lambda tree: (tree / "prettyuseful.json").write_text('{"classes": [1]}'), r"prettyuseful\.json: broken"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_invalid_files_are_reported(
    tree: Path, classes: tuple[str, ...], change: Callable[[Path], object], message: str
) -> None:
    change(tree)
    with pytest.raises(DataError, match=message) as error:
        list(ImageFolderSource(str(tree)).rows(classes, 2))
    assert "\n" not in str(error.value)


def test_all_broken_images_are_listed_in_one_error(tree: Path, rows: list[Row]) -> None:
    for row in rows[1:4]:
        (tree / row.path).write_bytes(b"broken")
    given = ImageFolderSource(str(tree)).rows(("polar bear", "dog"), 3)
    with pytest.raises(DataError) as error:
        next(given)
    assert all(row.path in str(error.value) for row in rows[1:4])


def test_broken_images_that_are_not_requested_are_ignored(tree: Path, classes: tuple[str, ...]) -> None:
    (tree / "dog" / "z.png").write_bytes(b"broken")
    assert len(list(ImageFolderSource(str(tree)).rows(classes, 3))) == 6


def test_large_files_are_not_read(tree: Path, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with (tree / "dog" / "0.png").open("wb") as file:
        file.truncate(safe_reading.MAX_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read"))
    with pytest.raises(DataError, match=r"0\.png: 268,435,457 bytes is too large"):
        list(ImageFolderSource(str(tree)).rows(classes, 2))


def test_files_that_disappear_while_reading_are_reported(tree: Path, classes: tuple[str, ...]) -> None:
    source = ImageFolderSource(str(tree))
    source.counts()
    (tree / "dog" / "000001.png").unlink()
    with pytest.raises(DataError, match="changed while it was read"):
        list(source.rows(classes, 3))


CHANGES: list[Callable[[Path], object]] = [
    lambda tree: (tree / "dog" / "000001.png").write_bytes((tree / "dog" / "000003.jpg").read_bytes()),
    lambda tree: (tree / "dog" / "000001.png").rename(tree / "dog" / "1.png"),
    lambda tree: (tree / "dog" / "000001.png").rename(tree / "polar bear" / "000001.png"),
    lambda tree: (tree / "dog").rename(tree / "cat"),
    lambda tree: (tree / "prettyuseful.json").write_text('{"classes": [{"folder": "dog", "name": "cat"}]}'),
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_changes_with_contents_and_names_only(tree: Path, change: Callable[[Path], object]) -> None:
    before = ImageFolderSource(str(tree)).fingerprint()
    (tree / ".hidden").write_text("x")
    moved = tree.rename(tree.parent / "moved")
    assert ImageFolderSource(str(moved)).fingerprint() == before
    change(moved)
    assert ImageFolderSource(str(moved)).fingerprint() != before


def test_fingerprint_depends_on_the_class_name(tree: Path) -> None:
    (tree / "dog").rename(tree.parent / "other")
    before = ImageFolderSource(str(tree)).fingerprint()
    (tree / "polar bear").rename(tree / "cat")
    assert ImageFolderSource(str(tree)).fingerprint() != before


def test_a_class_file_names_the_classes(tree: Path) -> None:
    (tree / "prettyuseful.json").write_text('{"classes": [{"folder": "dog", "name": "dog/../hot dog"}]}')
    assert ImageFolderSource(str(tree)).counts() == {"dog/../hot dog": 3, "polar bear": 3}
