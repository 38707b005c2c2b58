from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.checks.pictures import clean, encoded, picture, write_folder

from prettyuseful import check_data
from prettyuseful.checks.rows import CHECKS
from prettyuseful.errors import DataError


def test_a_place_with_train_and_test_images_is_two_sets(tmp_path: Path) -> None:
    leak = clean(0)["a/000.jpg"]
    write_folder(tmp_path / "photos" / "train", {**clean(100), "a/x.jpg": leak})
    write_folder(tmp_path / "photos" / "test", clean(0))
    report = check_data(tmp_path / "photos")
    assert [(images.role, images.images, images.classes) for images in report.sets] == [
        ("train", 25, 2),
        ("test", 24, 2),
    ]
    assert report.data["leaked"] == 1
    (finding,) = report.findings
    assert finding.words == (
        f"1 of 25 training images of {tmp_path / 'photos'} (4.0%) is a copy of 1 of the 24 test images of "
        f"{tmp_path / 'photos'}, byte for byte."
    )


def test_places_get_roles_by_name_or_by_argument(tmp_path: Path) -> None:
    for name, first in (("train", 0), ("val", 100), ("made", 200)):
        write_folder(tmp_path / name, clean(first, 4))
    roles = [images.role for images in check_data(*(tmp_path / name for name in ("train", "val", "made"))).sets]
    assert roles == ["train", "test", "other"]
    report = check_data(real=tmp_path / "train", test=str(tmp_path / "val"), synthetic=tmp_path / "made")
    assert [images.role for images in report.sets] == ["train", "test", "synthetic"]


def test_every_check_of_images_is_counted_and_the_json_is_plain(tmp_path: Path) -> None:
    report = check_data(write_folder(tmp_path / "photos", {**clean(0), "a/again.jpg": clean(0)["a/000.jpg"]}))
    document = json.loads(json.dumps(report.as_json()))
    assert set(document["data"]) == {check.id for check in CHECKS.values() if check.reads == "images"}
    assert document["data"]["repeated"] == 1
    assert document["findings"][0]["examples"] == ["a/000.jpg = a/again.jpg"]
    assert document["schema_version"] == 1


def test_all_broken_images_are_listed_and_the_others_are_checked(tmp_path: Path) -> None:
    broken = {f"a/torn{i}.png": encoded(picture(i))[:100] for i in range(12)}
    report = check_data(write_folder(tmp_path / "photos", {**clean(0), **broken}))
    (finding,) = report.findings
    assert (finding.check, finding.count, finding.total, len(finding.examples)) == ("unreadable", 12, 36, 12)
    assert report.sets[0].images == 24


def test_names_and_order_of_files_do_not_change_the_counts(tmp_path: Path) -> None:
    images = {**clean(0), "b/again.png": encoded(picture(0)), "a/flat.png": encoded(picture(1).resize((300, 300)))}
    renamed = {f"{path[0]}/z{len(images) - i:02d}{path[-4:]}": data for i, (path, data) in enumerate(images.items())}
    first, second = (
        check_data(write_folder(tmp_path / name, each)) for name, each in (("one", images), ("two", renamed))
    )
    assert first.data == second.data
    assert sum(first.data.values()) > 2


def test_one_place_may_be_given_twice(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "photos", clean(0, 4))
    report = check_data(place, place)
    assert [images.name for images in report.sets] == [str(place), f"{place} (2)"]
    assert report.data["shared"] == 4


def test_no_place_and_a_place_without_images_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images given"):
        check_data()
    with pytest.raises(DataError, match="nowhere"):
        check_data(tmp_path / "nowhere")


def test_hostile_names_are_safe_to_print(tmp_path: Path) -> None:
    name = "a/\x1b[31m<script>\n.jpg"
    images = {**clean(0), name: clean(0)["a/000.jpg"], "a/\x1b]0;torn.png": b"no image"}
    for finding in check_data(write_folder(tmp_path / "photos", images)).findings:
        assert finding.words.isprintable()
        assert all(example.isprintable() for example in finding.examples)
