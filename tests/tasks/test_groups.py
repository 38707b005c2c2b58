from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.data.sources.open import open_source
from prettyuseful.errors import DataError
from prettyuseful.tasks.groups import near_duplicate_groups, source_groups


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


def content_id(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def test_near_duplicates_form_a_group_named_by_content(pictures: Path) -> None:
    groups = near_duplicate_groups(open_source(str(pictures)))
    joined = {"cat/3.png", "cat/7.png", "cat/8.png", "dog/8.png"}
    (name,) = {groups[path] for path in joined}
    assert name == min(content_id(pictures / path) for path in joined)
    others = {path: group for path, group in groups.items() if path not in joined}
    assert others == {path: content_id(pictures / path) for path in others}


def test_groups_do_not_depend_on_file_names(pictures: Path) -> None:
    def partition() -> dict[str, str]:
        groups = near_duplicate_groups(open_source(str(pictures)))
        return {content_id(pictures / path): group for path, group in groups.items()}

    before = partition()
    for number, path in enumerate(sorted(pictures.glob("*/*.png"), reverse=True)):
        path.rename(path.with_name(f"other{number * 7 % 11:02d}{number}.png"))
    assert partition() == before


def test_equal_images_form_a_group(pictures: Path) -> None:
    groups = source_groups(open_source(str(pictures)))
    assert groups["cat/8.png"] == groups["dog/8.png"] == content_id(pictures / "cat/8.png")
    assert len(set(groups.values())) == len(groups) - 2


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
