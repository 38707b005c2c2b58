from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.sources import safe_reading
from prettyuseful.data.sources.drawing import draw_order
from prettyuseful.data.sources.imagefolder import ImageFolderSource
from prettyuseful.errors import DataError


@pytest.fixture
def tree(tmp_path: Path, rows: list[Row]) -> Path:
    for row in rows:
        path = tmp_path / "tree" / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.data)
    return tmp_path / "tree"


def test_rows_are_files_with_their_bytes(tree: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    source = ImageFolderSource(str(tree))
    assert source.counts() == {"dog": 3, "polar bear": 3}
    ids = source.content_ids()
    expected = [Row(row.data, row.path, row.label, ids[row.path]) for row in [*rows[::2], *rows[1::2]]]
    assert sorted(source.rows(classes, 3), key=lambda row: (row.label, row.path)) == expected
    (dog,) = source.rows(("dog",), 1)
    assert (dog.label, dog.path.partition("/")[0]) == (0, "dog")
    assert list(source.rows(classes, 0)) == []


def test_nested_folders_are_read_and_hidden_files_are_not(tree: Path, classes: tuple[str, ...]) -> None:
    (tree / "dog" / "more" / "and more").mkdir(parents=True)
    (tree / "dog" / "000001.png").rename(tree / "dog" / "more" / "and more" / "z.PNG")
    for hidden in (tree / ".DS_Store", tree / "dog" / ".DS_Store", tree / ".cache" / "x.png", tree / "dog/.git/x.txt"):
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_text("hidden")
    source = ImageFolderSource(str(tree))
    paths = [row.path for row in source.rows(classes, 3)]
    assert sorted(paths)[:3] == ["dog/000003.jpg", "dog/000005.jpg", "dog/more/and more/z.PNG"]
    assert source.notes()[1] == f"{tree}: 4 files are no images and are skipped (4 hidden)."


WRONG: list[tuple[Callable[[Path], object], str]] = [
    (lambda tree: (tree / "dog" / "0.png").symlink_to("nowhere"), r"dog/0\.png is a broken link"),
    (lambda tree: (tree / "dog" / "0.png").symlink_to("0.png"), r"dog/0\.png is a broken link"),
    (lambda tree: os.mkfifo(tree / "dog" / "0.png"), r"dog/0\.png is not a regular file"),
    (lambda tree: (tree / "dog" / "0\udcff.png").write_bytes(b"x"), r"0\\udcff\.png: the name is not UTF-8 text"),
    (lambda tree: (tree / "dog" / "0.png").write_bytes(b"no image"), r"dog/0\.png: not an image"),
    (lambda tree: (tree / "dog" / "0\n.png").write_bytes(b"no image"), r"dog/0\\n\.png: not an image"),
    (lambda tree: (tree / "prettyuseful.json").write_text("{"), r"prettyuseful\.json: broken"),
    (lambda tree: (tree / "prettyuseful.json").write_text('{"classes": [1]}'), r"prettyuseful\.json: broken"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_invalid_files_are_reported(
    tree: Path, classes: tuple[str, ...], change: Callable[[Path], object], message: str
) -> None:
    change(tree)
    with pytest.raises(DataError, match=message) as error:
        list(ImageFolderSource(str(tree)).rows(classes, ClassCounts((3, 4))))
    assert "\n" not in str(error.value)


def test_all_broken_images_are_listed_in_one_error(tree: Path, rows: list[Row]) -> None:
    for row in rows[1:4]:
        (tree / row.path).write_bytes(b"broken")
    with pytest.raises(DataError) as error:
        list(ImageFolderSource(str(tree)).rows(("polar bear", "dog"), 3))
    assert all(row.path in str(error.value) for row in rows[1:4])


def test_broken_images_that_are_not_drawn_are_ignored(tree: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    """A draw goes by content, and broken files have one, too: this one is drawn late."""
    ids = dict(ImageFolderSource(str(tree)).content_ids())
    for i in range(1000):
        data = b"broken %d" % i
        order = draw_order([*ids, "late"], {**ids, "late": hashlib.sha256(data).hexdigest()[:32]})
        if order[-1] == "late":
            break
    (tree / "dog" / "late.png").write_bytes(data)
    drawn = [row.path for row in ImageFolderSource(str(tree)).rows(classes, 3)]
    assert sorted(drawn) == sorted(row.path for row in rows)
    with pytest.raises(DataError, match=r"late\.png: not an image"):
        list(ImageFolderSource(str(tree)).rows(("dog",), 4))


def test_large_files_are_not_read(tree: Path, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with (tree / "dog" / "0.png").open("wb") as file:
        file.truncate(safe_reading.MAX_BYTES + 1)
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: pytest.fail(f"{path} is read") if path.name == "0.png" else read(path)
    )
    with pytest.raises(DataError, match=r"0\.png: 268,435,457 bytes is too large"):
        list(ImageFolderSource(str(tree)).rows(classes, 2))


def test_files_that_disappear_while_reading_are_reported(tree: Path, classes: tuple[str, ...]) -> None:
    source = ImageFolderSource(str(tree))
    source.content_ids()
    (tree / "dog" / "000001.png").unlink()
    with pytest.raises(DataError, match=r"000001\.png: cannot be read"):
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
