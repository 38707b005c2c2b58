from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.groups import groups_from_file, near_duplicate_groups, read_groups

TABLES = {
    ".csv": "path,group\na/1.png,x\n'b/2.png,y\n",
    ".tsv": "group\tnote\tpath\nx\t\ta/1.png\ny\t-\t'b/2.png\n",
    ".jsonl": '{"path": "a/1.png", "group": "x"}\n\n{"group": "y", "path": "\'b/2.png", "more": 3}\n',
}


def write_csv(file: Path, groups: dict[str, str]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([("path", "group"), *groups.items()])


@pytest.mark.parametrize("suffix", TABLES)
def test_groups_are_read_from_tables_and_json_lines(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"groups{suffix}").write_text(TABLES[suffix])
    assert read_groups(tmp_path / f"groups{suffix}") == {"a/1.png": "x", "'b/2.png": "y"}


def test_csv_with_quotes_and_line_breaks_is_read(tmp_path: Path) -> None:
    groups = {'a "b"/1,2.png': "line\nbreak", "é.png": "x"}
    write_csv(tmp_path / "groups.csv", groups)
    assert read_groups(tmp_path / "groups.csv") == groups


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.txt", "path,group\n", "give a .csv or .tsv file"),
        ("g.csv", "file,group\na,x\n", "g.csv:1: no column path; name the columns in the first line"),
        ("g.csv", "", "g.csv:1: no column path and no column group"),
        ("g.csv", "path,group\na,x\nb\n", "g.csv:3: group is missing"),
        ("g.csv", "path,group\na,x\n,y\n", "g.csv:3: path is missing"),
        ("g.csv", "path,group\na,x\nb,y\na,y\n", "g.csv:4: a is in the group y, but line 2 puts it in x"),
        ("g.csv", 'path,group\n"a,x\n', "g.csv: broken table"),
        ("g.csv", b"path,group\na,\xff\n", "g.csv: not UTF-8 text"),
        ("g.jsonl", '{"path": "a", "group": "x"}\nnothing\n', 'g.jsonl:2: not {"path": ..., "group": ...}'),
        ("g.jsonl", "[1]\n", "g.jsonl:1: not {"),
        ("g.jsonl", '{"path": "a", "group": 3}\n', "g.jsonl:1: group is missing"),
        ("g.csv", None, "cannot be read"),
    ],
)
def test_errors_give_file_and_line(tmp_path: Path, name: str, text: str | bytes | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as error:
        read_groups(tmp_path / name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of noise images with mirror images in the first class and a copy of one of them in the second."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(tmp_path / "set" / name / f"{i}.png")
    with Image.open(tmp_path / "set/cat/3.png") as image:
        ImageOps.mirror(image).save(tmp_path / "set/cat/7.png")
        image.save(tmp_path / "set/cat/8.png")
        image.save(tmp_path / "set/dog/8.png")
    return tmp_path / "set"


def test_near_duplicates_form_a_group_named_by_the_first_path(pictures: Path) -> None:
    groups = near_duplicate_groups(open_source(str(pictures)))
    assert {path for path, group in groups.items() if group == "cat/3.png"} == {"cat/3.png", "cat/7.png", "cat/8.png"}
    assert all(group == path for path, group in groups.items() if path not in ("cat/7.png", "cat/8.png"))


def test_broken_images_are_reported(pictures: Path) -> None:
    for i in range(2):
        (pictures / f"dog/{i}.png").write_text("x")
    with pytest.raises(DataError, match=r"dog/0\.png: not an image.*dog/1\.png: not an image"):
        near_duplicate_groups(open_source(str(pictures)))


def test_groups_of_the_source_are_kept_together(pictures: Path) -> None:
    images = sorted(pictures.glob("cat/*.png"))
    rows = [Row(path.read_bytes(), path.name, 0, group=f"photograph {i % 2}") for i, path in enumerate(images[:4])]
    rows += [Row(path.read_bytes(), path.name, 0, group=path.name) for path in images[4:]]
    write_shard(pictures.parent / "set.parquet", rows, ["cat"])
    groups = near_duplicate_groups(open_source(str(pictures.parent / "set.parquet")))
    first, second = "photograph 0", "7.png"  # a near-duplicate joins the group of photograph 1
    assert list(groups.values()) == [first, second, first, second, "4.png", second, second]


def test_every_image_must_be_in_the_file(pictures: Path, tmp_path: Path) -> None:
    source = open_source(str(pictures))
    paths = [sample.path for sample in source.samples()]
    write_csv(tmp_path / "all.csv", {**dict.fromkeys(paths, "g"), "elsewhere.png": "h"})
    assert groups_from_file(source, tmp_path / "all.csv") == dict.fromkeys(paths, "g")
    write_csv(tmp_path / "few.csv", dict.fromkeys(paths[2:], "g"))
    with pytest.raises(
        DataError, match=r"few\.csv has no group for 2 of the 13 images of .*: cat/0\.png, cat/1\.png; "
    ):
        groups_from_file(source, tmp_path / "few.csv")
