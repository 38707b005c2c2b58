from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.chat_server import png

from prettyuseful.endpoints.images import ReceivedImage
from prettyuseful.errors import StoreError
from prettyuseful.generators.kept_images import KeptImages

IMAGE = ReceivedImage(png(1), "PNG", 16, 12, "painter", "another prompt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "key"


def test_images_and_counts_survive(folder: Path) -> None:
    kept = KeptImages(folder)
    for event in ("sent", "sent", "free", "sent", "refused", "sent", "blank"):
        kept.count(event, 3)
    kept.keep(3, IMAGE)
    again = KeptImages(folder)
    assert again.load(3) == IMAGE
    assert 3 in again
    assert (len(again), again.charged) == (1, 2)
    assert again.counts == {"sent": 4, "free": 1, "refused": 1, "blank": 1}
    assert again.load(4) is None


def test_images_without_their_requests_were_charged(folder: Path) -> None:
    KeptImages(folder).keep(0, IMAGE)
    (folder / "requests.log").unlink(missing_ok=True)
    assert KeptImages(folder).charged == 1


def test_a_line_that_is_cut_off_or_foreign_counts_nothing(folder: Path) -> None:
    kept = KeptImages(folder)
    kept.count("sent", 1)
    with (folder / "requests.log").open("ab") as file:
        file.write(b"sen")
    kept.count("sent", 2)
    with (folder / "requests.log").open("ab") as file:
        file.write(b"\xff\xfe\nfree -1\nsent 12345678901\nboil 3\n\0")
    assert KeptImages(folder).counts == {"sent": 2}


def test_damaged_foreign_and_forged_files_are_no_images(folder: Path, tmp_path: Path) -> None:
    kept = KeptImages(folder)
    kept.keep(0, IMAGE)
    (name,) = (path for path in folder.iterdir() if path.suffix == ".image")
    name.write_bytes(name.read_bytes()[:-1])
    assert KeptImages(folder).load(0) is None
    name.unlink()
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    (folder / f"v1-000001-{'0' * 64}.image").symlink_to(outside)
    os.mkfifo(folder / f"v1-000002-{'0' * 64}.image")
    (folder / "other").write_text("kept")
    again = KeptImages(folder)
    assert [again.load(index) for index in range(3)] == [None] * 3
    assert len(again) == 0
    assert (folder / "other").read_text() == "kept"


def test_a_link_in_place_of_the_folder_or_the_log_is_refused(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="is a symbolic link"):
        KeptImages(folder)
    folder.unlink()
    kept = KeptImages(folder)
    (folder / "requests.log").symlink_to(tmp_path / "target")
    with pytest.raises(StoreError, match="cannot write received images"):
        kept.count("sent", 0)
    assert not (tmp_path / "target").exists()
