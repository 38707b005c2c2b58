from __future__ import annotations

import csv
from pathlib import Path

import pytest

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.groups_file import read_groups

from .conftest import picture

TABLES = {
    ".csv": "path,group\na/1.png,x\n'b/2.png,y\n",
    ".tsv": "group\tnote\tpath\nx\t\ta/1.png\ny\t-\t'b/2.png\n",
    ".jsonl": '{"path": "a/1.png", "group": "x"}\n\n{"group": "y", "path": "\'b/2.png", "more": 3}\n',
}


def write_csv(file: Path, groups: dict[str, str]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([("path", "group"), *groups.items()])


def read(file: Path) -> dict[str, str]:
    return {line.path: line.group for line in read_groups(file).lines}


@pytest.mark.parametrize("suffix", TABLES)
def test_groups_are_read_from_tables_and_json_lines(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"groups{suffix}").write_text(TABLES[suffix])
    assert read(tmp_path / f"groups{suffix}") == {"a/1.png": "x", "'b/2.png": "y"}


def test_csv_with_quotes_and_line_breaks_is_read(tmp_path: Path) -> None:
    groups = {'a "b"/1,2.png': "line\nbreak", "é.png": "x"}
    write_csv(tmp_path / "groups.csv", groups)
    assert read(tmp_path / "groups.csv") == groups


@pytest.mark.parametrize(
    "text",
    [
        "path;group\na/1.png;x\n",
        "path\tgroup\r\na/1.png\tx\r\n",
        "\ufeffpath,group\na/1.png,x\n",
        "Path , Group\na/1.png,x\n",
        "file_name,patient_id\na/1.png,x\n",
        "Image Path,Video\na/1.png,x\n",
        "id,filename,scene\n7,a/1.png,x\n",
        "id,sequence\na/1.png,x\n",
        "path,file,group,patient\na/1.png,z,x,w\n",
        "image;label;source\na/1.png;3,5;x\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_usual_columns_separators_and_encodings_are_accepted(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "groups.csv").write_bytes(text.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    assert read(tmp_path / "groups.csv") == {"a/1.png": "x"}


def test_numbers_in_json_lines_are_names_of_groups(tmp_path: Path) -> None:
    (tmp_path / "g.jsonl").write_text('{"path": "a", "patient": 3}\n')
    assert read(tmp_path / "g.jsonl") == {"a": "3"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.xls", "path,group\n", "give a .csv or .tsv file"),
        ("g.csv", "where,group\na,x\n", "g.csv:1: no column path (the columns are where, group); name the columns in"),
        ("g.csv", "", "g.csv:1: no column path (the columns are none)"),
        ("g.csv", "path,when\na,x\n", "g.csv:1: no column group"),
        (
            "g.csv",
            "file,image,group\na,a,x\n",
            "g.csv:1: the columns file and image could both hold the path; rename the right one to path",
        ),
        ("g.csv", "path,patient,video\na,b,x\n", "g.csv:1: the columns patient and video could both hold the group"),
        ("g.csv", "path,group\na,x\nb\n", "g.csv:3: group is missing"),
        ("g.csv", "path,group\na,x\n,y\n", "g.csv:3: path is missing"),
        ("g.csv", "path,group\na,x\nb, \n", "g.csv:3: group is missing"),
        ("g.csv", "path,group\na,x\nb,y\na,y\n", "g.csv:4: a is in the group y, but line 2 puts it in x"),
        ("g.csv", 'path,group\n"a,x\n', "g.csv: broken table"),
        ("g.csv", b"path,group\na,\xff\n", "g.csv: not UTF-8 text"),
        ("g.jsonl", '{"path": "a", "group": "x"}\nnothing\n', 'g.jsonl:2: not {"path": ..., "group": ...}'),
        ("g.jsonl", "[1]\n", "g.jsonl:1: not {"),
        ("g.jsonl", "[" * 100_000 + "\n", "g.jsonl:1: not {"),
        ("g.jsonl", '{"path": "a", "group": [3]}\n', "g.jsonl:1: group is missing"),
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
def pets(tmp_path: Path) -> SampledSource:
    for number, path in enumerate(("cat/1.png", "cat/2.png", "dog/1.png")):
        (tmp_path / "sets/pets" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sets/pets" / path).write_bytes(picture(number))
    return open_source(str(tmp_path / "sets/pets"))


def groups_of(source: SampledSource, tmp_path: Path, *written: str, folder: str = ".") -> dict[str, str]:
    """The groups of the images if a file in `folder` has the paths `written`, each in a group of its own."""
    (tmp_path / folder).mkdir(exist_ok=True)
    write_csv(tmp_path / folder / "groups.csv", {path: f"g{i}" for i, path in enumerate(written)})
    return read_groups(tmp_path / folder / "groups.csv").groups_of(source)


@pytest.mark.parametrize(
    ("folder", "form"),
    [
        (".", "{}"),
        (".", "./{}"),
        (".", "{tmp}/sets/pets/{}"),
        (".", "sets/pets/{}"),
        (".", "./sets//pets/./{}"),
        ("sets", "pets/{}"),
        ("other", "../sets/pets/{}"),
        (".", "pets/{}"),
        (".", "/home/somebody/data/pets/{}"),
        (".", "/home/somebody/data/animals/{}"),
        (".", "C:/Users/Somebody/pets/{}"),
        (".", "c:/pets/{}"),
    ],
)
@pytest.mark.parametrize("windows", [False, True])
def test_paths_may_be_written_in_other_ways(
    pets: SampledSource, tmp_path: Path, folder: str, form: str, windows: bool
) -> None:
    written = [form.format(path, tmp=tmp_path) for path in ("cat/1.png", "cat/2.png", "dog/1.png")]
    if windows:
        written = [path.replace("/", "\\") for path in written]
    found = groups_of(pets, tmp_path, *written, folder=folder)
    assert found == {"cat/1.png": "g0", "cat/2.png": "g1", "dog/1.png": "g2"}


def test_unicode_forms_of_a_path_are_the_same(tmp_path: Path) -> None:
    for name in ("cafe\N{COMBINING ACUTE ACCENT}", "tea"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes(picture(len(name)))
    source = open_source(str(tmp_path / "set"))
    assert set(groups_of(source, tmp_path, "café/1.png", "tea/1.png").values()) == {"g0", "g1"}


def test_the_most_direct_match_wins(pets: SampledSource, tmp_path: Path) -> None:
    """A file may list the images of another folder, too."""
    paths = ("cat/1.png", "cat/2.png", "dog/1.png")
    both = [*(f"tests/{path}" for path in paths), *(f"pets/{path}" for path in paths)]
    assert groups_of(pets, tmp_path, *both) == {"cat/1.png": "g3", "cat/2.png": "g4", "dog/1.png": "g5"}


def test_lines_that_disagree_on_an_image_are_refused(pets: SampledSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"groups\.csv:5: cat/1\.png is in the group g3, but line 2 puts it in g0"):
        groups_of(pets, tmp_path, "cat/1.png", "cat/2.png", "dog/1.png", "./cat/1.png")


def test_every_image_must_be_in_the_file(pets: SampledSource, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"groups\.csv has no group for 2 of the 3 images of .*pets: cat/2\.png, dog/1\.png; add one"
    ):
        groups_of(pets, tmp_path, "cat/1.png", "1.png")


def test_lines_without_an_image_are_noted(pets: SampledSource, tmp_path: Path) -> None:
    write_csv(tmp_path / "groups.csv", {"cat/1.png": "a", "cat/2.png": "a", "dog/1.png": "b", "dog/9.png": "b"})
    file = read_groups(tmp_path / "groups.csv")
    assert file.notes([pets]) == ("1 of 4 lines of groups.csv match no image: dog/9.png.",)
    write_csv(tmp_path / "groups.csv", {"cat/1.png": "a", "cat/2.png": "a", "dog/1.png": "b"})
    assert read_groups(tmp_path / "groups.csv").notes([pets]) == ()
