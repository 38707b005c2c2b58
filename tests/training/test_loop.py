from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels, decode_rows
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.training.architectures import build
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.loop import load_weights, penultimate, predict, save_weights, train, untrained
from prettyuseful.training.recipes import SMALL

NUMERICS = Numerics()
TINY = replace(SMALL, epochs=4, batch_size=16)


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 2
    images = np.clip(rng.normal(90, 30, (96, 32, 32, 3)) + 60 * labels[:, None, None, None], 0, 255)
    return Pixels(images.astype(np.uint8), labels, labels.astype(str))


def fit(pixels: Pixels, folder: Path, seed: int = 0, **changes: float) -> torch.nn.Module:
    return fit_from(untrained("small", 2, seed), pixels, folder, seed, **changes)


def fit_from(model: torch.nn.Module, pixels: Pixels, folder: Path, seed: int = 0, **changes: float) -> torch.nn.Module:
    NUMERICS.apply()
    recipe = replace(TINY, **changes)  # type: ignore[arg-type]
    return train(
        model, pixels, recipe, seed, NUMERICS, folder / "log.jsonl", Checkpoints(folder / "bench"), lambda _: None
    )


def test_it_learns_and_logs_every_epoch(pixels: Pixels, tmp_path: Path) -> None:
    model = fit(pixels, tmp_path)
    assert (predict(model, pixels, NUMERICS).argmax(1) == pixels.labels).mean() > 0.95
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2, 3, 4]
    assert log[-1]["loss"] < log[0]["loss"]


def test_equal_seeds_give_equal_weights(pixels: Pixels, tmp_path: Path) -> None:
    first, second, other = (fit(pixels, tmp_path, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_a_seed_fixes_the_first_weights_and_the_draws(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both, each on its own; and equal seeds begin equally on any data set: comparisons are paired."""
    still = {"learning_rate": 0.0, "epochs": 1}
    other_data = Pixels(255 - pixels.images, pixels.labels, pixels.groups)
    one, two = (fit(pixels, tmp_path, seed, **still).state_dict()["head.weight"] for seed in (1, 2))
    assert not torch.equal(one, two)
    assert torch.equal(one, fit(other_data, tmp_path, 1, **still).state_dict()["head.weight"])

    def always_the_same(name: str, classes: int) -> torch.nn.Module:
        torch.manual_seed(0)
        return build(name, classes)

    monkeypatch.setattr("prettyuseful.training.loop.build", always_the_same)
    one, two = (fit(pixels, tmp_path, seed).state_dict()["head.weight"] for seed in (1, 2))
    assert not torch.equal(one, two)


def test_a_classifier_goes_on_from_the_weights_it_is_given(pixels: Pixels, tmp_path: Path) -> None:
    first = fit(pixels, tmp_path, epochs=1)
    before = {name: value.clone() for name, value in first.state_dict().items()}
    still = fit_from(first, pixels, tmp_path, learning_rate=0.0, epochs=1).state_dict()
    assert all(torch.equal(still[name], value) for name, value in before.items() if "weight" in name)
    on = fit_from(first, pixels, tmp_path, epochs=1).state_dict()
    assert not torch.equal(on["head.weight"], fit(pixels, tmp_path, epochs=1).state_dict()["head.weight"])


def test_weights_come_back(pixels: Pixels, tmp_path: Path) -> None:
    model = fit(pixels, tmp_path, epochs=1)
    save_weights(model, tmp_path / "w.safetensors")
    again = load_weights(tmp_path / "w.safetensors", "small", 2, NUMERICS)
    assert np.array_equal(predict(model, pixels, NUMERICS), predict(again, pixels, NUMERICS))


def test_features_are_what_the_last_layer_sees(pixels: Pixels, tmp_path: Path) -> None:
    model = fit(pixels, tmp_path, epochs=1)
    features = torch.from_numpy(penultimate(model, pixels, NUMERICS))
    assert isinstance(model.head, torch.nn.Linear)
    with torch.inference_mode():
        assert np.allclose(model.head(features).numpy(), predict(model, pixels, NUMERICS), atol=1e-5)


def test_a_loss_that_is_not_finite_stops_the_training(pixels: Pixels, tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="no longer finite in epoch 1 of 4"):
        fit(pixels, tmp_path, learning_rate=1e30, clip_norm=1e30, warmup=0.0)


def test_fewer_images_than_a_batch_are_one_batch(pixels: Pixels, tmp_path: Path) -> None:
    fit(pixels.take(np.arange(5)), tmp_path)


def test_any_timm_model_trains(pixels: Pixels, tmp_path: Path) -> None:
    few = pixels.take(np.arange(16))
    model = fit_from(untrained("resnet10t", 2, 0), few, tmp_path, epochs=1)
    assert penultimate(model, few, NUMERICS).shape == (16, 512)


@pytest.mark.slow
def test_photos_can_be_told_apart_and_shuffled_labels_cannot(tmp_path: Path) -> None:
    task = PhotosTask()
    real = decode_rows(task.images("train", 200), 3200, 32)
    test = decode_rows(task.images("test", 200), 3200, 32)
    accuracies = []
    for seed in range(3):
        model = train(
            untrained("small", 16, seed),
            real,
            SMALL,
            seed,
            NUMERICS,
            tmp_path / "log",
            Checkpoints(tmp_path / "b"),
            lambda _: None,
        )
        accuracies.append((predict(model, test, NUMERICS).argmax(1) == test.labels).mean())
    assert np.median(accuracies) >= 0.90
    shuffled = Pixels(real.images, np.random.default_rng(0).permutation(real.labels), real.groups)
    model = train(
        untrained("small", 16, 0),
        shuffled,
        SMALL,
        0,
        NUMERICS,
        tmp_path / "log",
        Checkpoints(tmp_path / "b"),
        lambda _: None,
    )
    chance = (predict(model, test, NUMERICS).argmax(1) == test.labels).mean()
    assert abs(chance - 1 / 16) < 0.04  # crops of one block share a label's luck: wider than for single images
