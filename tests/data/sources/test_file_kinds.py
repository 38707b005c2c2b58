from __future__ import annotations

from pathlib import Path

import pytest
from layout_examples import picture

from prettyuseful.data.image_formats import IMAGE_SUFFIXES
from prettyuseful.data.sources.file_kinds import (
    file_kind,
    is_archive,
    is_tool_folder,
    skipped_as,
    skipped_note,
    starts_like_an_image,
    suffix_of,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image"),
        ("a.JPEG", "image"),
        ("photo.1.Png", "image"),
        ("IMG_1.HEIC", "image"),
        ("IMG_1.CR2", "image"),
        ("logo.svg", "image"),
        ("favicon.ico", "other"),
        ("labels.csv", "table"),
        ("metadata.jsonl", "table"),
        ("Metadata.Parquet", "table"),
        ("train.parquet", "shard"),
        ("x/train-0.tar", "shard"),
        ("a.tar.gz", "shard"),
        ("a.TGZ", "shard"),
        ("a.csv.gz", "other"),
        ("a.zip", "archive"),
        ("a.tar.zst", "archive"),
        ("a.tar.bz2", "archive"),
        ("data.arrow", "arrow"),
        ("a.txt", "other"),
        ("Thumbs.db", "other"),
        ("README", "unknown"),
        ("photo.jpg_large", "unknown"),
        ("jpg", "unknown"),
    ],
)
def test_names_tell_what_files_are(name: str, kind: str) -> None:
    assert file_kind(name) == kind
    assert is_archive(name) == (kind == "archive")


def test_every_readable_format_is_an_image_in_any_case() -> None:
    assert {file_kind(f"a{suffix}") for suffix in IMAGE_SUFFIXES} == {"image"}
    assert {file_kind(f"a{suffix.upper()}") for suffix in IMAGE_SUFFIXES} == {"image"}


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.tar.gz", ".tar.gz"), ("A.TAR.GZ", ".tar.gz"), ("a.b.c", ".c"), ("a", ""), (".png", ""), ("x.y/a", "")],
)
def test_suffixes_are_in_lower_case(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


def test_folders_of_tools_are_hidden_ones_and_known_ones() -> None:
    assert all(map(is_tool_folder, (".git", "__MACOSX", "@eaDir", "__pycache__", "System Volume Information")))
    assert not any(map(is_tool_folder, ("cat", "__cat__", "@home", "images")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_images_are_known_by_their_first_bytes(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_bytes(picture("cat", 0, kind=kind))
    assert starts_like_an_image(tmp_path / "x")


@pytest.mark.parametrize("data", [b"", b"BM is a text", b"II. War", b"RIFF....WAVE", b"\x89PN", b"\0" * 40])
def test_other_files_are_not_images(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert not starts_like_an_image(tmp_path / "x")
    assert not starts_like_an_image(tmp_path / "gone")


def test_skipped_files_are_counted_by_kind() -> None:
    names = (".DS_Store", "Thumbs.db", "__MACOSX", "Icon\r", "a.TXT", "README", "x.\x1b[31m")
    assert [skipped_as(name) for name in names] == [
        "hidden",
        "Thumbs.db",
        "__MACOSX",
        "Icon",
        ".txt",
        "without suffix",
        ".\\x1b[31m",
    ]
    assert skipped_note("here", {}) == ""
    assert skipped_note("here", {".txt": 1}) == "here: 1 file is no image and is skipped (1 .txt)."
    many = {f".{letter}": count for count, letter in enumerate("abcdefgh", 1000)}
    assert skipped_note("here", many) == (
        "here: 8,028 files are no images and are skipped "
        "(1007 .h, 1006 .g, 1005 .f, 1004 .e, 1003 .d, 1002 .c, 2001 others)."
    )
