from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.export import export_imagefolder, export_webdataset
from prettyuseful.data.sources.open import _expanded, is_source, open_source
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
    ("place", "kind"),
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
def test_every_place_opens(here: Path, place: str, kind: str, rows: list[Row], classes: tuple[str, ...]) -> None:
    for name in (place, str(here / place)):
        source: ImageSource = open_source(name)
        assert is_source(name)
        assert (source.kind, source.place) == (kind, name)
        assert source.counts() == {"polar bear": 3, "dog": 3}
        found = sorted(source.rows(classes, 3), key=lambda row: row.path.rpartition("/")[2])
        assert [row.data for row in found] == [row.data for row in rows]
        assert source.fingerprint() == open_source(str(here / place)).fingerprint()


def test_a_name_that_looks_like_a_pattern_is_a_name(here: Path) -> None:
    odd = (here / "parquet" / "a.parquet").rename(here / "parquet" / "[a]{1,2}.parquet")
    assert open_source(str(odd)).counts() == {"polar bear": 3, "dog": 3}


def test_what_is_no_source(here: Path) -> None:
    (here / "pipeline").mkdir()
    (here / "pipeline" / "model_index.json").write_text("{}")
    for name in ("pipeline", "stabilityai/sd-turbo", "owner/name@main", "pocket-base", "", "x" * 5000, "a\0b"):
        assert not is_source(name), name
    assert is_source("nowhere/*.tar")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "nowhere is no source of images"),
        ("nowhere.tar", r"nowhere\.tar: no such file; "),
        ("tars/data-{000001..000007}.tar", r"data-000003\.tar, .*-000005\.tar and 2 more: no such files"),
        ("tars/x-*.tar", r"tars/x-\*\.tar: no such file"),
        ("{0..999999999999}.tar", "more than 100,000 files"),
        ("{0..9}" * 6 + ".tar", "more than 100,000 files"),
        ("a\n.tar", r"a\\n\.tar: no such file"),
        ("empty", "empty holds neither class folders nor"),
        ("mixed", r"mixed holds class folders and \.tar"),
        ("both", r"both holds \.tar and \.parquet"),
    ],
)
def test_what_cannot_be_opened_is_named(here: Path, place: str, message: str) -> None:
    for folder in ("empty/.git", "mixed/dog", "both"):
        (here / folder).mkdir(parents=True)
    for name in ("mixed/a.tar", "both/a.tar", "both/a.parquet", "empty/README.md"):
        (here / name).write_text("")
    with pytest.raises(DataError, match=message) as error:
        open_source(place)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "pattern", ["x", "{a}", "a{1..3}b", "{008..011}", "{a,b}{0..1}", "{a,{b,c}d}", "{a,}b", "{x..y}", "a{"]
)
def test_braces_are_expanded_as_by_a_shell(pattern: str) -> None:
    shell = subprocess.run(["bash", "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True)
    if ".." in pattern and "x" in pattern:
        assert list(_expanded(pattern)) == [pattern]  # letters are no shards
    else:
        assert set(_expanded(pattern)) == set(shell.stdout.splitlines())
