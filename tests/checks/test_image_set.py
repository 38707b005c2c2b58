from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
from tests.checks.pictures import clean, image_set, table

from prettyuseful.checks.image_set import ImageTable, Sets


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = table({**clean(0, 5), "b/torn\n.png": b"not an image"})
    written.save(tmp_path)
    read = ImageTable.load(tmp_path / "images.json", tmp_path / "images.npz")
    for field in fields(ImageTable):
        assert np.array_equal(getattr(read, field.name), getattr(written, field.name)), field.name
    assert len(read.unreadable) == 1


def test_the_order_of_images_has_no_influence() -> None:
    images = clean(0, 6)
    assert table(images).paths == table(dict(reversed(images.items()))).paths


def test_sets_are_found_by_role_among_checked_and_others() -> None:
    real, test, synthetic = (image_set(clean(0, 2), role, role) for role in ("train", "test", "synthetic"))
    sets = Sets((synthetic,), (real, test))
    assert sets.having("train") == (real,)
    assert sets.having("synthetic") == (synthetic,)
    assert sets.having("other") == ()
    assert len(synthetic) == 2
    assert synthetic.title == "images of synthetic"
