"""The simulation of mixtures in a few tasks; `benchmarks/mixing.py` is more precise."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from mixing import AMOUNTS, FORMS, measure, planted_task, split_training_images, write_noise


def test_forms_are_highest_at_the_planted_number() -> None:
    numbers = np.geomspace(5, 2000, 60)
    for name, form in FORMS.items():
        values = [form(float(n), 100.0) for n in numbers]
        assert abs(np.log(numbers[int(np.argmax(values))] / 100)) < 0.15, name
        assert max(values) <= 1.0 + 1e-9


def test_the_planted_best_is_inside_the_grid() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        task = planted_task(rng)
        assert all(0 < task.best(row) < len(AMOUNTS) for row in (0, 1))


def test_planted_bests_are_found_and_useless_images_are_not_added() -> None:
    planted = measure("planted best", 8, seeds=3, precision=2.0)
    assert float(str(planted["best_within_one_step"])) >= 75
    useless = measure("change nothing", 8, seeds=3, precision=None)
    assert float(str(useless["add_none"])) >= 75


def test_real_images_and_biased_ones_are_apart(tmp_path: Path) -> None:
    for label, value in (("a", 0), ("b", 100), ("c", 200)):
        (tmp_path / "task" / "train" / label).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (8, 8), (value, number, 0)).save(tmp_path / "task" / "train" / label / f"{number:02}.png")
    split_training_images(tmp_path / "task", tmp_path / "out", kept=4, per_class=8, confused=1)
    read = {
        part: {label: [p.read_bytes() for p in sorted((tmp_path / "out" / part / label).iterdir())] for label in "abc"}
        for part in ("real", "biased")
    }
    assert [len(images) for part in read.values() for images in part.values()] == [4, 4, 4, 8, 8, 8]
    real, biased = ({image for images in part.values() for image in images} for part in read.values())
    assert not real & biased
    assert 0 < len(set(read["biased"]["a"]) & set(read["biased"]["b"])) < 8
    write_noise(tmp_path / "task", tmp_path / "out" / "noise", per_class=2, size=8)
    assert len(list((tmp_path / "out" / "noise").rglob("*.png"))) == 6
