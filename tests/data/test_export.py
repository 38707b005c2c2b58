from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.export import export_dataset, export_imagefolder, export_webdataset
from prettyuseful.data.images import encode_png
from prettyuseful.data.sources.class_names import normalised
from prettyuseful.data.sources.open import open_source
from prettyuseful.data.sources.safe_reading import check_label
from prettyuseful.data.stored_format import StoredFormat
from prettyuseful.errors import DataError

CLASSES = ("polar bear", "dog")
EXPORTS: tuple[Callable[..., int], ...] = (export_imagefolder, export_webdataset)


def make_row(i: int, classes: tuple[str, ...] = CLASSES) -> Row:
    label, pixels = i % len(classes), np.full((8, 8, 3), 20 * i, np.uint8)
    suffix, data = ("png", encode_png(pixels)) if i < 2 else ("jpg", StoredFormat(name="jpeg").encode(pixels))
    path = f"{classes[label]}/{i:06d}.{suffix}"
    return Row(data, path, label, path, prompt=f"a {classes[label]}", seed=2**62 + i, generator="pocket")


ROWS = [make_row(i) for i in range(10)]
PNG = encode_png(np.zeros((2, 2, 3), np.uint8))


def by_label(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.label, row.path))


def test_an_exported_tree_comes_back(tmp_path: Path) -> None:
    assert export_imagefolder(iter(ROWS), CLASSES, tmp_path / "new" / "out") == 10
    result = list(open_source(str(tmp_path / "new" / "out")).rows(CLASSES, 5))
    content_ids = {row.path: row.group for row in result}
    known = [replace(row, prompt=None, seed=None, generator=None, group=content_ids[row.path]) for row in ROWS]
    assert by_label(result) == by_label(known)
    about = json.loads((tmp_path / "new" / "out" / "prettyuseful.json").read_text())
    assert about["classes"] == [{"name": name, "folder": name, "images": 5} for name in CLASSES]


def test_exported_shards_come_back_whole(tmp_path: Path) -> None:
    rows = [*ROWS[:9], replace(ROWS[9], prompt=None, seed=None, generator=None, place="upper left", group="block")]
    assert export_webdataset(iter(rows), CLASSES, tmp_path, 4) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"data-00000{i}.tar" for i in range(3)]
    assert by_label([*open_source(str(tmp_path)).rows(CLASSES, 5)]) == by_label(rows)


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for out in ("a", "b"):
        export_webdataset(ROWS, CLASSES, tmp_path / out, 4)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with tarfile.open(path) as tar:
            assert {(member.mtime, member.uid, member.gid, member.uname) for member in tar} == {(0, 0, 0, "")}


def test_torchvision_reads_the_tree(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    export_imagefolder(ROWS, CLASSES, tmp_path)
    result = ImageFolder(str(tmp_path))
    assert result.classes == sorted(CLASSES)
    assert [Path(path).read_bytes() for path, _ in result.samples] == [row.data for row in ROWS[1::2] + ROWS[::2]]
    assert [label for _, label in result] == [0] * 5 + [1] * 5


def load(kind: str, folder: Path, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(kind, data_dir=str(folder), split="train", cache_dir=str(cache))


def test_hugging_face_reads_the_tree(tmp_path: Path) -> None:
    export_imagefolder(ROWS, CLASSES, tmp_path / "out")
    result = load("imagefolder", tmp_path / "out", tmp_path / "cache")
    assert result.features["label"].names == sorted(CLASSES)
    assert result["label"] == [0] * 5 + [1] * 5
    pixels = [np.asarray(Image.open(io.BytesIO(row.data))) for row in ROWS[1::2] + ROWS[::2]]
    assert all(np.array_equal(np.asarray(image), known) for image, known in zip(result["image"], pixels, strict=True))


def test_hugging_face_reads_the_shards(tmp_path: Path) -> None:
    jpegs = ROWS[2:]
    export_webdataset(jpegs, CLASSES, tmp_path / "out", 3)
    result = list(load("webdataset", tmp_path / "out", tmp_path / "cache"))
    assert [row["cls"] for row in result] == [row.label for row in jpegs]
    assert [row["json"]["prompt"] for row in result] == [row.prompt for row in jpegs]
    assert [row["json"]["seed"] for row in result] == [row.seed for row in jpegs]
    assert all(row["jpg"].size == (8, 8) for row in result)


def test_the_webdataset_library_reads_the_shards(tmp_path: Path) -> None:
    import webdataset

    export_webdataset(ROWS, CLASSES, tmp_path, 4)
    shards = str(tmp_path / "data-{000000..000002}.tar")
    raw = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert [sample.get("jpg", sample.get("png")) for sample in raw] == [row.data for row in ROWS]
    pairs = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("jpg;png", "cls", "json")
    for (image, label, values), row in zip(pairs, ROWS, strict=True):
        assert (image.size, label) == ((8, 8), row.label)
        row_with_path = {"label": CLASSES[row.label], "path": row.path, "group": row.group}
        assert values == {**row_with_path, "prompt": row.prompt, "seed": row.seed, "generator": "pocket"}


def row_at(path: str) -> Row:
    return Row(PNG, path, 0, path)


def test_file_suffix_follows_the_image_format(tmp_path: Path) -> None:
    jpeg = StoredFormat(name="jpeg").encode(np.zeros((2, 2, 3), np.uint8))
    rows = [
        row_at("a.jpg"),
        replace(row_at("b.png"), data=jpeg),
        replace(row_at("c.JPEG"), data=jpeg),
        row_at("d"),
    ]
    export_imagefolder(rows, ["x"], tmp_path)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["a.png", "b.jpg", "c.JPEG", "d.png"]


def test_equal_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    rows = [row_at(path) for path in ("a/0.png", "b/0.png", "0-1.png", "A.png", "a.png", "0.png")]
    assert export_imagefolder(rows, ["x"], tmp_path) == 6
    assert len({path.name.lower() for path in (tmp_path / "x").iterdir()}) == 6


HOSTILE = st.sampled_from(
    [
        "..",
        ".",
        "",
        "/",
        "../..",
        "/etc/x",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        ".git",
        "~",
        "x" * 300,
        "é" * 200,
        "CON ",
        "con",
        "nul.txt",
        "LPT1",
        "caf\u00e9",
        "cafe\u0301",
        "__x__",
        "\udcff",
        "cat",
        "Cat",
        "cat ",
        "cat.",
        "a:b",
        "prettyuseful.json",
        "-rf",
        "%s",
        "{0..9}",
        "\u202ex",
    ]
) | st.text(max_size=8)


def is_class_name(name: str) -> bool:
    """Whether a source accepts the class name: control characters could alter what a terminal shows."""
    try:
        return check_label(name, "") == name
    except DataError:
        return False


@settings(max_examples=60, deadline=None)
@given(
    st.lists(HOSTILE.filter(is_class_name), min_size=1, max_size=5, unique_by=normalised),
    st.lists(st.tuples(HOSTILE, st.integers(0, 4)), min_size=1, max_size=8),
)
def test_hostile_names_are_made_safe_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], paths: list[tuple[str, int]]
) -> None:
    rows = [Row(PNG + bytes([i]), path, label % len(classes), f"g{i}") for i, (path, label) in enumerate(paths)]
    used = sorted({row.label for row in rows})
    parent = tmp_path_factory.mktemp("parent")
    for export in EXPORTS:
        out = parent / export.__name__
        assert export(rows, classes, out) == len(rows)
        source = open_source(str(out))
        for label in used:
            mine = [row.data for row in rows if row.label == label]
            assert sorted(row.data for row in source.rows([classes[label]], len(mine))) == sorted(mine)
    tree = [path for path in (parent / "export_imagefolder").rglob("*") if path.is_file()]
    assert len(tree) == len(rows) + 1
    assert {len(path.relative_to(parent).parts) for path in tree} == {2, 3}
    assert {path.name for path in parent.iterdir()} == {"export_imagefolder", "export_webdataset"}
    for name in {part for path in tree for part in path.relative_to(parent).parts}:
        assert len(name.encode()) <= 255
        assert name.partition(".")[0].upper() not in {"CON", "NUL", "LPT1"}  # devices on Windows
    # A file system that ignores case, or composes letters, holds as many files.
    assert len({unicodedata.normalize("NFC", str(path)).casefold() for path in tree}) == len(tree)


def test_each_class_gets_a_different_folder(tmp_path: Path) -> None:
    classes = ("prettyuseful.json", "cat", "Cat", "a/b", "a_b", "empty")
    export_imagefolder([make_row(i, classes) for i in range(5)], classes, tmp_path)
    folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert sorted(folders) == ["Cat-2", "a_b", "a_b-3", "cat", "prettyuseful.json-1"]
    assert open_source(str(tmp_path)).counts() == dict.fromkeys(classes[:5], 1)


@pytest.mark.parametrize("export", EXPORTS)
def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, export: Callable[..., int]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"is not empty \(it holds mine\.txt\)"):
        export(ROWS, CLASSES, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("export", EXPORTS)
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, export: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(DataError, match=r"cannot write to .*file"):
            export(ROWS, CLASSES, out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(DataError, match="No space left on device"):
        export(ROWS, CLASSES, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_interrupted_export_leaves_no_files(
    tmp_path: Path, export: Callable[..., int], stop: type[BaseException]
) -> None:
    def rows() -> Iterator[Row]:
        yield from ROWS[:5]
        assert list(tmp_path.iterdir()) == [tmp_path / "out"]  # drafts are on the same file system
        assert [path.name[0] for path in (tmp_path / "out").iterdir()] == ["."]  # not renamed yet
        raise stop("of the reader's, not ours")

    with pytest.raises(stop, match="of the reader's"):
        export(rows(), CLASSES, tmp_path / "out")
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (replace(ROWS[0], label=2), "has label 2, but there are 2 classes"),
        (replace(ROWS[0], label=-1), "has label -1"),
        (replace(ROWS[0], data=b"GIF89a"), "not a JPEG, PNG"),
        (replace(ROWS[0], data=b"RIFF0000WAVE"), "not a JPEG, PNG"),
        (replace(ROWS[0], data=b"", path="a\nb"), r"a\\nb is not a JPEG"),
    ],
)
def test_rows_that_cannot_be_exported_are_rejected_by_name(
    tmp_path: Path, export: Callable[..., int], row: Row, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        export([ROWS[0], row], CLASSES, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_formats_that_webdataset_readers_skip_are_rejected(tmp_path: Path) -> None:
    bmp = replace(ROWS[0], data=b"BM...")
    with pytest.raises(DataError, match=r"is a \.bmp file"):
        export_webdataset([bmp], CLASSES, tmp_path)
    assert export_imagefolder([bmp], CLASSES, tmp_path) == 1
    with pytest.raises(DataError, match="give at least 1"):
        export_webdataset(ROWS, CLASSES, tmp_path / "out", 0)


@pytest.mark.parametrize("export", EXPORTS)
def test_exporting_no_rows_gives_an_empty_data_set(tmp_path: Path, export: Callable[..., int]) -> None:
    assert export([], CLASSES, tmp_path) == 0


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set folder of two shards."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    for index in range(2):
        write_shard(folder / shard_name(index, 2), ROWS[index * 5 : index * 5 + 5], CLASSES)
    return folder


def test_only_the_shards_of_a_data_set_are_exported(dataset: Path, tmp_path: Path) -> None:
    (dataset / "data-mine.parquet").write_text("not a table")
    assert export_dataset(dataset, "imagefolder", tmp_path / "out") == 10
    (dataset / shard_name(0, 2)).unlink()
    os.mkfifo(dataset / shard_name(0, 2))
    with pytest.raises(DataError, match="is not a regular file"):
        export_dataset(dataset, "imagefolder", tmp_path / "new")
    with pytest.raises(DataError, match="File name too long"):
        export_dataset(tmp_path / ("x" * 300), "imagefolder", tmp_path / "new")


# Exports again and again, and kills each export before another of the calls that change the output folder.
KILLED = """
import os, signal, sys
from pathlib import Path
from prettyuseful.data.export import export_dataset
dataset, form, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
calls = 0
def before(function):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call
for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "symlink"):
    setattr(os, name, before(getattr(os, name)))
number = 0
while True:
    number += 1
    if (child := os.fork()) == 0:
        calls = 0
        target = out / str(number)
        export_dataset(dataset, form, target)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
print(number - 1)
"""


@pytest.mark.parametrize("form", ["imagefolder", "webdataset"])
def test_a_killed_export_never_blocks_the_next_one(dataset: Path, tmp_path: Path, form: str) -> None:
    export_dataset(dataset, form, tmp_path / "expected")
    expected = contents(tmp_path / "expected")
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED, str(dataset), form, str(tmp_path / "killed")]
    kills = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert kills >= 7
    half = 0
    for out in sorted((tmp_path / "killed").iterdir()):
        visible = {name: data for name, data in contents(out).items() if name[0] != "."}
        half += 0 < len(visible) < len(expected)
        if visible == expected and not list(out.glob(".*/complete.json")):
            continue  # it was killed when it had ended
        assert export_dataset(dataset, form, out) == 10
        assert contents(out) == expected
    assert half > 0 or form == "webdataset"  # some were killed while their files were moved


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_that_was_killed_is_completed_only_with_its_own_files(dataset: Path, tmp_path: Path) -> None:
    """Another export completes it, too, but then the folder is not empty."""
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED, str(dataset), "imagefolder", str(tmp_path / "killed")]
    subprocess.run(command, capture_output=True, check=True)
    outs = [out for out in (tmp_path / "killed").iterdir() if list(out.glob(".*/complete.json"))]
    outs = [out for out in outs if list(out.glob(".*/files/*"))]  # not all files have been moved
    assert len(outs) > 1
    for out in outs[:-1]:
        with pytest.raises(DataError, match="is not empty"):
            export_dataset(dataset, "webdataset", out)
        assert open_source(str(out)).counts() == dict.fromkeys(CLASSES, 5)
        assert not list(out.glob(".*"))
    # What is moved comes from the hidden folder itself, not from where a link leads.
    (mine := tmp_path / "mine").mkdir()
    (mine / "file").write_text("mine")
    (hidden,) = outs[-1].glob(".*")
    (hidden / "files").rename(tmp_path / "away")
    (hidden / "files").symlink_to(mine)
    with suppress(DataError):  # if some files have been moved
        export_dataset(dataset, "imagefolder", outs[-1])
    assert (mine / "file").read_text() == "mine"
    assert "file" not in contents(outs[-1])


def test_a_file_that_appears_during_an_export_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def rows() -> Iterator[Row]:
        yield from ROWS
        (out / "polar bear").mkdir()
        (out / "polar bear" / "mine").write_text("mine")

    with pytest.raises(DataError, match=r"polar bear exists"):
        export_imagefolder(rows(), CLASSES, out)
    assert contents(out) == {"polar bear/mine": b"mine"}


def test_names_from_a_data_set_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    classes = ["../../x", f"{tmp_path}/x", "..", "a\0b", "\ud800", "x" * 300, "\N{SNOWMAN}" * 100, "NUL", "a/../../b"]
    rows = [Row(PNG, name, label, name) for label, name in enumerate(classes)]
    for export in EXPORTS:
        assert export(rows, classes, tmp_path / "parent" / export.__name__) == len(classes)
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]
    assert len(list((tmp_path / "parent" / "export_imagefolder").glob("*/*.png"))) == len(classes)
