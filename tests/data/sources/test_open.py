from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.export import export_imagefolder, export_webdataset
from prettyuseful.data.sources.open import _expand_braces, is_source, open_source
from prettyuseful.data.sources.protocol import ImageSource
from prettyuseful.errors import DataError


@pytest.fixture
def here(tmp_path: Path, rows: list[Row], classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    export_imagefolder(rows, classes, tmp_path / "tree")
    export_webdataset(rows, classes, tmp_path / "tars", 2)
    (tmp_path / "parquet").mkdir()
    write_shard(tmp_path / "parquet" / "a.parquet", rows, classes)
    (tmp_path / "parquet" / "README.md").write_text("beside")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("tree", "imagefolder"),
        ("./tree/", "imagefolder"),
        ("tars", "webdataset"),
        ("tars/*.tar", "webdataset"),
        ("tars/data-{000000..000002}.tar", "webdataset"),
        ("./tars/data-00000{0,1,2}.tar", "webdataset"),
        ("parquet", "parquet"),
        ("parquet/a.parquet", "parquet"),
        ("par*/*.parquet", "parquet"),
    ],
)
def test_every_location_opens(here: Path, location: str, kind: str, rows: list[Row], classes: tuple[str, ...]) -> None:
    for name in (location, str(here / location)):
        source: ImageSource = open_source(name)
        assert is_source(name)
        assert (source.kind, source.location) == (kind, name)
        assert source.counts() == {"polar bear": 3, "dog": 3}
        result = sorted(source.rows(classes, 3), key=lambda row: row.path.rpartition("/")[2])
        assert [row.data for row in result] == [row.data for row in rows]
        assert source.fingerprint() == open_source(str(here / location)).fingerprint()


def test_a_name_that_looks_like_a_pattern_is_a_name(here: Path) -> None:
    odd = (here / "parquet" / "a.parquet").rename(here / "parquet" / "[a]{1,2}.parquet")
    assert open_source(str(odd)).counts() == {"polar bear": 3, "dog": 3}


def test_generators_are_not_sources(here: Path) -> None:
    (here / "pipeline").mkdir()
    (here / "pipeline" / "model_index.json").write_text("{}")
    (here / "labels.csv").write_text("x")
    assert is_source("labels.csv")
    for name in (
        "owner/name.csv",
        "pipeline",
        "stabilityai/sd-turbo",
        "owner/name@main",
        "pocket-base",
        "",
        "x" * 5000,
        "a\0b",
    ):
        assert not is_source(name), name
    assert is_source("nowhere/*.tar")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nowhere", "nowhere: no such folder or file"),
        ("nowhere.tar", r"nowhere\.tar: no such file; "),
        ("tars/data-{000001..000007}.tar", r"data-000003\.tar, .*-000005\.tar and 2 more: no such files"),
        ("tars/x-*.tar", r"tars/x-\*\.tar: no such file"),
        ("{0..999999999999}.tar", "more than 100,000 files"),
        ("{0..9}" * 6 + ".tar", "more than 100,000 files"),
        ("a\n.tar", r"a\\n\.tar: no such file"),
        ("empty", "empty contains neither class folders nor"),
        ("mixed", r"mixed holds class folders and \.tar"),
        ("zipped", r"zipped contains neither class folders nor .*; unpack images\.zip first"),
        ("images.zip", r"images\.zip is an archive that is not read; unpack it"),
        ("rows.arrow", r"rows\.arrow is a data set that Hugging Face's save_to_disk wrote"),
        ("numbers.csv", r"numbers\.csv lists no images with labels|numbers\.csv names no images"),
        ("both", r"both holds \.tar and \.parquet"),
    ],
)
def test_invalid_locations_are_rejected_by_name(here: Path, location: str, message: str) -> None:
    for folder in ("empty/.git", "mixed/dog", "both", "zipped"):
        (here / folder).mkdir(parents=True)
    (here / "mixed/dog/0.png").write_bytes(b"x")
    (here / "numbers.csv").write_text("a,b\n1,2\n")
    for name in ("images.zip", "zipped/images.zip", "rows.arrow"):
        (here / name).write_bytes(b"x")
    for name in ("mixed/a.tar", "both/a.tar", "both/a.parquet", "empty/README.md"):
        (here / name).write_text("")
    with pytest.raises(DataError, match=message) as error:
        open_source(location)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "pattern", ["x", "{a}", "a{1..3}b", "{008..011}", "{a,b}{0..1}", "{a,{b,c}d}", "{a,}b", "{x..y}", "a{"]
)
def test_braces_are_expanded_as_by_a_shell(pattern: str) -> None:
    shell = subprocess.run(["bash", "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True)
    if ".." in pattern and "x" in pattern:
        assert list(_expand_braces(pattern)) == [pattern]  # letters are not expanded
    else:
        assert set(_expand_braces(pattern)) == set(shell.stdout.splitlines())
