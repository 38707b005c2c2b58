from __future__ import annotations

from pathlib import Path

import pytest
from layout_examples import flat, json_lines, picture, put, table

from prettyuseful.data.sources.columns import Columns
from prettyuseful.data.sources.open import open_source, open_splits
from prettyuseful.errors import DataError


def write(root: Path, name: str, columns: list[str], rows: list[tuple[object, ...]]) -> str:
    put(root, name, table(columns, rows))
    return str(root)


@pytest.mark.parametrize("form", ["{}.png", "{}", "./{}.png", "images/{}.png", "images\\{}.png", "images/{}"])
def test_files_are_found_with_and_without_folder_and_suffix(tmp_path: Path, form: str) -> None:
    rows = [(form.format(file.removesuffix(".png")), name) for file, name in flat(tmp_path, "images/", 2)]
    source = open_source(write(tmp_path, "labels.csv", ["file", "label"], [*rows]))
    assert source.counts() == {"cat": 2, "dog": 2, "owl": 2}


def test_absolute_names_inside_of_the_place_are_found(tmp_path: Path) -> None:
    rows = [(f"{tmp_path}/{file}", name) for file, name in flat(tmp_path, "", 1)]
    assert open_source(write(tmp_path, "metadata.csv", ["file_name", "label"], [*rows])).counts()["cat"] == 1


def test_a_table_can_be_the_place(tmp_path: Path) -> None:
    rows = flat(tmp_path, "images/", 2)
    write(tmp_path, "a.csv", ["file", "label"], [*rows])
    write(tmp_path, "b.csv", ["file", "kind", "age"], [(file, "pet", 3) for file, _ in rows])
    assert open_source(str(tmp_path / "a.csv")).counts() == {"cat": 2, "dog": 2, "owl": 2}
    with pytest.raises(DataError, match=r"has several tables of labels \(a\.csv, b\.csv\); give one of them"):
        open_source(write(tmp_path, "b.csv", ["file", "kind"], [(file, "pet") for file, _ in rows]))
    source = open_source(str(tmp_path / "b.csv"), columns=Columns(label="kind"))
    assert source.counts() == {"pet": 6}
    assert source.location == str(tmp_path / "b.csv")
    (row,) = source.rows(["pet"], 1)
    assert row.path.startswith("images/")


def test_images_that_a_table_leaves_out_are_counted(tmp_path: Path) -> None:
    rows = [*flat(tmp_path, "", 2)]
    put(tmp_path, "more.png", picture("cat", 99))
    source = open_source(write(tmp_path, "labels.csv", ["file", "label"], [*rows[:-1], (rows[-1][0], "")]))
    assert source.counts() == {"cat": 2, "dog": 2, "owl": 1}
    assert source.notes()[1:] == (
        f"{tmp_path}: 1 images have no label in labels.csv and are left out.",
        f"{tmp_path}: 1 images are not listed in labels.csv and are left out.",
    )


def test_a_table_above_splits_must_say_which_folder_it_means(tmp_path: Path) -> None:
    """The same names in train and test: labels of one must not be read for the other."""
    rows = [("train", *row) for row in flat(tmp_path, "train/", 2)]
    rows += [("test", *row) for row in flat(tmp_path, "test/", 2, "test")]
    full = [(f"{split}/{file}", name) for split, file, name in rows]
    train, test = open_splits(write(tmp_path, "labels.csv", ["file", "label"], [*full]))
    assert test is not None
    assert [row.path.partition("/")[0] for row in test.rows(["cat", "dog", "owl"], 1)] == ["test"] * 3
    assert sum(train.counts().values()) == 6
    with pytest.raises(DataError, match=r"labels\.csv:2: several images have the name '0000\.png'"):
        open_source(write(tmp_path, "labels.csv", ["file", "label"], [row[1:] for row in rows[:6]]))


def test_labels_may_be_marked_with_ones(tmp_path: Path) -> None:
    rows = [
        (file.removesuffix(".png"), *(float(name == other) for other in ("cat", "dog", "owl")))
        for file, name in flat(tmp_path)
    ]
    assert open_source(write(tmp_path, "truth.csv", ["image", "cat", "dog", "owl"], rows)).counts()["dog"] == 4
    rows[3] = (rows[3][0], 1, 1, 0)
    with pytest.raises(DataError, match=r"truth\.csv:5: an image needs one class, but it has 2 \(cat, dog\)"):
        open_source(write(tmp_path, "truth.csv", ["image", "cat", "dog", "owl"], rows))


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (
            ["file_name", "label"],
            [("0000.png", "a"), ("none.png", "a")],
            r"metadata\.csv:3: there is no image 'none\.png'",
        ),
        (["file_name", "label"], [("0000.png", "a"), ("", "a")], r"metadata\.csv:3: no file in the column 'file_name'"),
        (["file_name", "label"], [("0000.png", "a"), ("0000.png", "b")], "is listed as 'a' and as 'b'; keep one line"),
        (["file_name", "label"], [("0000.png", "a\x1b[31m")], "has control characters"),
        (["file_name", "label"], [("../0000.png", "a")], "leads out of"),
        (["file_name", "label"], [("x/../../0000.png", "a")], "leads out of"),
        (["file_name", "label"], [("C:\\0000.png", "a")], "is not inside of"),
        (["x", "label"], [("none", "a")], r"names no images of .*its columns are x, label\); set `image: `"),
        (["file_name", "class", "species"], [("0000.png", "a", "b")], "the columns class, species could all be labels"),
        (["a", "b", "label"], [("0000.png", "0001.png", "x")], "the columns a, b all name images; set `image: `"),
        (["file_name", "label"], [], "has no rows"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tmp_path: Path, columns: list[str], rows: list[tuple[object, ...]], message: str
) -> None:
    flat(tmp_path)
    with pytest.raises(DataError, match=message) as error:
        open_source(write(tmp_path, "metadata.csv", columns, rows))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("label", "message"),
    [(["a", "b"], "has 2 labels"), ({"x": 1}, "has label"), (1.5, "has label"), (True, "has label")],
)
def test_labels_of_json_lines_are_names_or_numbers(tmp_path: Path, label: object, message: str) -> None:
    put(tmp_path, "0.png", picture("cat", 0))
    put(tmp_path, "metadata.jsonl", json_lines([{"file_name": "0.png", "label": label}]))
    with pytest.raises(DataError, match=message):
        open_source(str(tmp_path))


def test_fields_of_rows_are_taken_from_tables(tmp_path: Path) -> None:
    files = flat(tmp_path, "", 1)
    rows = [{"file_name": file, "label": 0, "caption": f"a {name}", "group": "g", "seed": 3} for file, name in files]
    put(tmp_path, "metadata.jsonl", json_lines(rows))
    source = open_source(str(tmp_path))
    (row,) = source.rows(["pet"], 1)
    assert (row.group, row.seed, row.prompt in {"a cat", "a dog", "a owl"}) == ("g", 3, True)
    assert source.notes(["pet"])[-1].endswith(
        "every label is a number without a name: 0 = pet, by alphabetical order of the task's classes."
    )


def test_columns_that_the_user_names_are_taken_despite_class_folders(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        put(tmp_path, f"{name}/0.png", picture(name, 0))
    write(
        tmp_path,
        "facts.csv",
        ["file", "size", "colour"],
        [("cat/0.png", "small", "red"), ("dog/0.png", "large", "red")],
    )
    assert open_source(str(tmp_path)).counts() == {"cat": 1, "dog": 1}
    assert open_source(str(tmp_path), columns=Columns(label="size")).counts() == {"small": 1, "large": 1}


def test_other_tables_beside_class_folders_are_no_obstacle(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        put(tmp_path, f"{name}/0.png", picture(name, 0))
    write(tmp_path, "boxes.csv", ["file", "label"], [("cat/0.png", "head"), ("cat/0.png", "tail")])
    write(tmp_path, "numbers.csv", ["file", "label"], [("cat/0.png", 0), ("dog/0.png", 1)])
    write(tmp_path, "names.csv", ["file", "class"], [("cat/0.png", "CAT"), ("dog/0.png", "Dog")])
    write(tmp_path, "missing.csv", ["file", "label"], [("cat/0.png", "cat"), ("gone.png", "cat")])
    put(tmp_path, "broken.csv", b"\xff\xfe")
    source = open_source(str(tmp_path))
    assert source.counts() == {"cat": 1, "dog": 1}
    assert source.notes() == (f"{tmp_path}: 5 files are no images and are skipped (5 .csv).",)
