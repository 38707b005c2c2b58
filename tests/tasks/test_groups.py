from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.groups import found_groups, listed_groups, read_groups

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


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    groups = {'a "b"/1,2.png': "line\nbreak", "é.png": "x"}
    write_csv(tmp_path / "groups.csv", groups)
    assert read_groups(tmp_path / "groups.csv") == groups


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("g.txt", "path,group\n", "groups are a .csv or .tsv file"),
        ("g.csv", "file,group\na,x\n", "g.csv:1: no column path; the first line names the columns"),
        ("g.csv", "", "g.csv:1: no column path and no column group"),
        ("g.csv", "path,group\na,x\nb\n", "g.csv:3: no group"),
        ("g.csv", "path,group\na,x\n,y\n", "g.csv:3: no path"),
        ("g.csv", "path,group\na,x\nb,y\na,y\n", "g.csv:4: a is in the group y, and in x by line 2"),
        ("g.csv", 'path,group\n"a,x\n', "g.csv: no table"),
        ("g.csv", b"path,group\na,\xff\n", "g.csv: not UTF-8 text"),
        ("g.jsonl", '{"path": "a", "group": "x"}\nnothing\n', 'g.jsonl:2: not {"path": ..., "group": ...}'),
        ("g.jsonl", "[1]\n", "g.jsonl:1: not {"),
        ("g.jsonl", '{"path": "a", "group": 3}\n', "g.jsonl:1: no group"),
        ("g.csv", None, "cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, name: str, text: str | bytes | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as error:
        read_groups(tmp_path / name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of five noise images, two of the first mirror images of another, one of the second its copy."""
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


def test_near_duplicates_of_a_class_are_a_group_with_the_name_of_the_first(pictures: Path) -> None:
    found = found_groups(open_source(str(pictures)))
    assert {path for path, group in found.items() if group == "cat/3.png"} == {"cat/3.png", "cat/7.png", "cat/8.png"}
    assert all(group == path for path, group in found.items() if path not in ("cat/7.png", "cat/8.png"))


def test_broken_images_are_named(pictures: Path) -> None:
    for i in range(2):
        (pictures / f"dog/{i}.png").write_text("x")
    with pytest.raises(DataError, match=r"dog/0\.png: not an image.*dog/1\.png: not an image"):
        found_groups(open_source(str(pictures)))


def test_a_source_s_own_groups_stay_together(pictures: Path) -> None:
    images = sorted(pictures.glob("cat/*.png"))
    rows = [Row(path.read_bytes(), path.name, 0, group=f"photograph {i % 2}") for i, path in enumerate(images[:4])]
    rows += [Row(path.read_bytes(), path.name, 0, group=path.name) for path in images[4:]]
    write_shard(pictures.parent / "set.parquet", rows, ["cat"])
    found = found_groups(open_source(str(pictures.parent / "set.parquet")))
    first, second = "photograph 0", "7.png"  # what looks like the last one of photograph 1 joins it
    assert list(found.values()) == [first, second, first, second, "4.png", second, second]


def test_every_image_must_be_in_the_file(pictures: Path, tmp_path: Path) -> None:
    source = open_source(str(pictures))
    paths = [sample.path for sample in source.samples()]
    write_csv(tmp_path / "all.csv", {**dict.fromkeys(paths, "g"), "elsewhere.png": "h"})
    assert listed_groups(source, tmp_path / "all.csv") == dict.fromkeys(paths, "g")
    write_csv(tmp_path / "few.csv", dict.fromkeys(paths[2:], "g"))
    with pytest.raises(
        DataError, match=r"few\.csv names no group of 2 of the 13 images of .*: cat/0\.png, cat/1\.png; "
    ):
        listed_groups(source, tmp_path / "few.csv")
