"""Kinds of defects, natural real sets and outcomes of the open-world benchmark; here without trained classifiers."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.diagnosis.world import draw, reference_of, smooth

from prettyuseful.diagnosis.causes import CAUSES, cause_ids
from prettyuseful.diagnosis.images import LabelledImages

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import open_world
from open_world import RealSet, Trial, linear_probe, markdown_table, outcome, run_trials, summarise
from planted.natural import Folder, read_folder
from planted.open_world import NOTHING, OPEN_DEFECTS, UNEXPLAINED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in two splits, 24 images of 20 x 16 pixels each."""
    path, rng = tmp_path_factory.mktemp("natural"), np.random.default_rng(0)
    for split, count in (("train", 18), ("test", 6)):
        for name in ("cat", "dog"):
            place = path / split / name
            place.mkdir(parents=True)
            for number in range(count):
                image = Image.fromarray(np.clip(smooth(rng, 5), 0, 255).astype(np.uint8)).resize((20, 16))
                image.save(place / f"{number}.png")
    return path


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="module")
def photos() -> LabelledImages:
    """Two classes of 16 images of 32 px, whose pixels vary at all scales."""
    rng = np.random.default_rng(1)
    pixels = [
        np.asarray(
            Image.fromarray(np.clip(smooth(rng, 6) + rng.normal(0, 9, (16, 16, 3)), 0, 255).astype(np.uint8)).resize(
                (32, 32)
            )
        )
        for _ in range(32)
    ]
    return LabelledImages(np.stack(pixels), np.repeat([0, 1], 16), np.arange(32).astype(str))


def same(one: LabelledImages, other: LabelledImages) -> bool:
    return np.array_equal(one.pixels, other.pixels) and np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("kind", OPEN_DEFECTS)
def test_a_kind_changes_images_reproducibly(kind: str, photos: LabelledImages) -> None:
    """`modes missing` leaves images out; every other kind keeps their number."""
    defect = OPEN_DEFECTS[kind]
    world: Any = SimpleNamespace(classes=2, draw=lambda *_: photos)
    before = photos.pixels.copy()
    planted = [
        defect.plant(photos, s, world, np.random.default_rng(3)) for s in (*defect.strengths, defect.strengths[1])
    ]
    for images in planted:
        assert images.pixels.dtype == np.uint8
        assert images.pixels.shape[1:] == photos.pixels.shape[1:]
        assert len(images.pixels) == len(images.labels) == len(images.groups)
        assert len(images) == (28 if kind == "modes missing" else 32)
        assert not same(images, photos)
    medium, strong, again = planted
    assert same(strong, again)
    assert same(medium, strong) == (kind == "modes missing")  # which keeps 14 images of a class at least
    assert np.array_equal(photos.pixels, before)


def test_there_are_many_kinds_with_known_outcomes() -> None:
    assert len(OPEN_DEFECTS) >= 45
    known = {*cause_ids(), NOTHING, UNEXPLAINED}
    assert {name for defect in OPEN_DEFECTS.values() for name in defect.accepted} <= known


def test_missing_modes_keep_similar_images() -> None:
    dark, bright = np.full((20, 32, 32, 3), 40, np.uint8), np.full((20, 32, 32, 3), 200, np.uint8)
    images = LabelledImages(np.concatenate([dark, bright]), np.zeros(40, int), np.arange(40).astype(str))
    world: Any = None
    kept = OPEN_DEFECTS["modes missing"].plant(images, 0.5, world, np.random.default_rng(0))
    assert len(kept) == 20
    assert kept.pixels.std() == 0


def test_a_mixed_class_is_cats_by_dogs(photos: LabelledImages) -> None:
    others = LabelledImages(photos.pixels // 2, photos.labels, photos.groups)
    world: Any = SimpleNamespace(names=("dog", "cat"), classes=2, draw=lambda *_: others)
    mixed = OPEN_DEFECTS["one class of another's images"].plant(photos, 0.9, world, np.random.default_rng(0))
    changed = (mixed.pixels != photos.pixels).any(axis=(1, 2, 3))
    assert not changed[:16].any()
    assert changed[16:].sum() > 10
    dogs = {image.tobytes() for image in others.pixels[:16]}
    assert all(image.tobytes() in dogs for image in mixed.pixels[changed])


def test_parts_of_a_folder_share_no_image(folder: Path) -> None:
    world = Folder(folder, 0, per_class=8, side=16)
    assert (world.names, world.classes, world.disjoint) == (("cat", "dog"), 2, 2)
    parts = [*world.halves, world.draw_block(0), world.draw_block(1)]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[4, 4], [4, 4], [8, 8], [8, 8]]
    groups = np.concatenate([part.groups for part in parts])
    assert len(set(groups)) == len(groups) == 48
    real = {image.tobytes() for half in world.halves for image in half.pixels}
    drawn = world.draw("unseen", np.random.default_rng(1))
    assert not real & {image.tobytes() for image in drawn.pixels}
    assert drawn.pixels.shape == (16, 16, 16, 3)
    again, other = (Folder(folder, seed, per_class=8, side=16).halves[0] for seed in (0, 1))
    assert same(again, world.halves[0])
    assert not same(other, world.halves[0])


def test_a_folder_is_cropped_and_resized_once(folder: Path) -> None:
    read_folder.cache_clear()
    pixels, labels, _ = read_folder(folder, 8)
    file = sorted((folder / "test" / "cat").iterdir())[0]
    with Image.open(file) as image:
        expected = image.crop((2, 0, 18, 16)).resize((8, 8), Image.Resampling.BICUBIC)
    assert np.array_equal(pixels[0], np.asarray(expected))
    read_folder.cache_clear()
    assert np.array_equal(read_folder(folder, 8)[0], pixels)  # from the file
    assert np.bincount(labels).tolist() == [24, 24]


def test_both_sides_are_saved_as_jpeg(folder: Path) -> None:
    plain, jpeg = (Folder(folder, 0, 8, 16, quality).halves[0] for quality in (None, 90))
    assert np.array_equal(plain.labels, jpeg.labels)
    assert 0 < np.abs(plain.pixels.astype(int) - jpeg.pixels).mean() < 10


def test_too_small_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"class cat .* has 24 images, and 13 per class need 26"):
        Folder(folder, 0, per_class=13, side=16)
    with pytest.raises(FileNotFoundError, match="contains no class folders"):
        read_folder(tmp_path, 16)


def diagnosis(*named: str, differs: bool = True, **fields: Any) -> Any:
    rows = [SimpleNamespace(id=name.split()[0], row=CAUSES[name]) for name in named]
    return SimpleNamespace(named=rows, differs=differs, **fields)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (diagnosis(differs=False), "nothing"),
        (diagnosis(), "unexplained"),
        (diagnosis("texture added", "labels lost"), "texture"),
        (diagnosis("texture added", unexplained=0.2), "texture"),
        (diagnosis("texture added", unexplained=SimpleNamespace(mean=0.4)), "unexplained"),
        (diagnosis("labels lost", unexplained=0.4), "labels"),
    ],
)
def test_outcome_of_a_diagnosis(result: Any, expected: str) -> None:
    assert outcome(result) == expected


def trial(kind: str, name: str, number: int = 0, **fields: Any) -> Trial:
    named = () if name in (NOTHING, UNEXPLAINED) else (name,)
    values = {
        "folder": "natural",
        "per_class": 30,
        "seed": 0,
        "jpeg": 0,
        "encoder": "small",
        "strength": ("medium", "strong")[number % 2] if kind else "",
        "left": None,
        "p_value": 0.5,
        "seconds": 1.0,
        "differs": name != NOTHING,
        "named": named,
        **fields,
    }
    return Trial(kind=kind, outcome=name, number=number, **values)


def test_verdicts_and_shares() -> None:
    trials = [
        trial("letterbox", "frame"),
        trial("letterbox", "coverage", 1),
        trial("vignette", UNEXPLAINED),
        trial("grey", UNEXPLAINED),
        trial("mirror image", NOTHING),
        trial("noise", NOTHING),
        *(trial("", NOTHING, number) for number in range(8)),
        trial("", UNEXPLAINED, 8),
        trial("", "labels", 0, jpeg=90),
    ]
    result = summarise(trials)
    total = {
        verdict: share["count"]
        for verdict, share in result["all kinds"].items()
        if isinstance(share, dict) and "count" in share
    }
    assert total == {"right": 3, "unexplained": 1, "misleading": 1, "missed": 1}
    assert result["kinds"]["letterbox"]["medium"] == {"frame": 1}
    assert result["kinds"]["letterbox"]["strong"] == {"coverage": 1}
    assert result["kinds with misleading outcomes"] == {"letterbox": ["coverage"]}
    assert result["undamaged"]["all"]["alarms"]["count"] == 2
    as_is = result["undamaged"]["natural, 30 per class, as is"]
    assert (as_is["alarms"]["count"], as_is["alarms"]["trials"], as_is["names"]["count"]) == (1, 9, 0)
    assert as_is["alarms"]["low"] == pytest.approx(0.003, abs=1e-3)  # Clopper-Pearson: 1 - 0.975 ** (1 / 9)
    assert result["undamaged"]["natural, 30 per class, both JPEG 90"]["named"] == {"labels": 1}
    assert "| letterbox | frame | frame 1, coverage 1 | 1 of 2 |" in markdown_table(trials)


@pytest.mark.slow
def test_trials_of_a_real_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reference of another small world and its images, so that nothing is trained."""
    reference = reference_of(draw(1), draw(2))
    world = SimpleNamespace(disjoint=1, classes=8, draw=lambda *_: draw(4), draw_block=lambda _: draw(3))
    monkeypatch.setattr(open_world, "reference_of", lambda *_: reference)
    monkeypatch.setattr(RealSet, "world", world)
    real = RealSet("natural", folder, 16, 14, 0, None, "small")
    found = list(run_trials(real, [("", 0), ("", 1), ("low contrast", 1), ("labels at random", 0)]))
    assert [t.strength for t in found] == ["", "", "strong", "medium"]
    assert [t.named for t in found[:2]] == [(), ()]
    assert found[2].outcome == "colour-contrast"
    assert found[3].outcome == "declined"  # wrong labels leave a class too small
    assert found[3].verdict == "missed"
    known = frozenset(t.key for t in found)
    assert open_world._planned(real, ["low contrast"], 2, 2, known) == [("low contrast", 0)]


def test_a_linear_probe_knows_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        open_world, "frozen_encoder", lambda _: lambda pixels: pixels[:, ::4, ::4].reshape(len(pixels), -1) / 255
    )
    extract = linear_probe("any", draw(1), 8, 0)
    features, logits = extract(draw(2).pixels)
    assert features.shape == (112, 48)
    assert logits.shape == (112, 8)
    assert (logits.argmax(axis=1) == draw(2).labels).mean() > 0.9


def test_an_absent_folder_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["open_world.py", "--folder", f"cifar10={tmp_path / 'none'}"])
    open_world.main()
    out, err = capsys.readouterr()
    assert "cifar10: skipped" in err
    assert '"trials": 0' in out
