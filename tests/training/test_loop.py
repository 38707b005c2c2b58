from __future__ import annotations

import json
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prettyuseful.analysis.statistics import accuracy
from prettyuseful.data.pixels import Pixels, decode_rows, load_pixels, write_pixels
from prettyuseful.errors import DataError, MemoryLimitError, StepFailedError
from prettyuseful.metrics.transfer import transfer
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.records import TransferResult
from prettyuseful.tasks.base import SPLITS
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.inference import penultimate_features, predict
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.loop import train
from prettyuseful.training.memory import predict_memory
from prettyuseful.training.recipes import SMALL, View, view_of
from prettyuseful.training.validation import BestCheckpoint

NUMERICS = TrainingNumerics()
TINY = replace(SMALL, epochs=4, batch_size=16)
VIEW = view_of(SMALL)


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 2
    images = np.clip(rng.normal(90, 30, (96, 32, 32, 3)) + 60 * labels[:, None, None, None], 0, 255)
    return Pixels.from_array(images.astype(np.uint8), labels, np.arange(96).astype(str))


def fresh(seed: int = 0, architecture: str = "small", size: int = 32) -> Classifier:
    return init_classifier(Design(architecture, 2, size), seed)


def fit(pixels: Pixels, folder: Path, seed: int = 0, **changes: Any) -> Classifier:
    return fit_from(fresh(seed), pixels, folder, seed, **changes)


def fit_from(classifier: Classifier, pixels: Pixels, folder: Path, seed: int = 0, **changes: Any) -> Classifier:
    numerics = changes.pop("numerics", NUMERICS)
    numerics.apply()
    recipe = replace(TINY, **changes)
    log, checkpoints = folder / "log.jsonl", Checkpoints(folder / "bench")
    return train(classifier.to(numerics), pixels, recipe, seed, log, checkpoints, lambda _: None)


def weights(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in classifier.network.state_dict().items()}


def right(classifier: Classifier, pixels: Pixels, view: View = VIEW) -> float:
    return float((predict(classifier, pixels, view).argmax(1) == pixels.labels).mean())


def logged(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_training_reduces_the_loss_and_logs_every_epoch(pixels: Pixels, tmp_path: Path) -> None:
    assert right(fit(pixels, tmp_path), pixels) > 0.95
    log = logged(tmp_path)
    assert [line["epoch"] for line in log] == [1, 2, 3, 4]
    assert log[-1]["loss"] < log[0]["loss"]


def test_equal_seeds_give_equal_weights(pixels: Pixels, tmp_path: Path) -> None:
    first, second, other = (weights(fit(pixels, tmp_path, seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_a_seed_fixes_the_first_weights_and_the_draws(pixels: Pixels, tmp_path: Path) -> None:
    """Weights and draws use separate seeds. Equal seeds start equally on all data sets, so comparisons are paired."""
    still = {"learning_rate": 0.0, "epochs": 1}
    other_data = Pixels.from_array(255 - np.stack([*pixels.chunks(96)])[0], pixels.labels, pixels.groups)
    one, two = (weights(fit(pixels, tmp_path, seed, **still))["head.weight"] for seed in (1, 2))
    assert not torch.equal(one, two)
    assert torch.equal(one, weights(fit(other_data, tmp_path, 1, **still))["head.weight"])
    one, two = (weights(fit_from(fresh(0), pixels, tmp_path, seed))["head.weight"] for seed in (1, 2))
    assert not torch.equal(one, two)


def test_training_starts_from_the_given_weights(pixels: Pixels, tmp_path: Path) -> None:
    first = fit(pixels, tmp_path, epochs=1)
    before = weights(first)
    still = weights(fit_from(first, pixels, tmp_path, learning_rate=0.0, epochs=1))
    assert all(torch.equal(still[name], value) for name, value in before.items() if "weight" in name)
    on = weights(fit_from(first, pixels, tmp_path, epochs=1))
    assert not torch.equal(on["head.weight"], weights(fit(pixels, tmp_path, epochs=1))["head.weight"])


def test_a_validation_loss_that_is_not_finite_stops_the_training(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BestCheckpoint, "validate", lambda *_: {"validation_loss": nan, "validation_accuracy": 0.5})
    with pytest.raises(StepFailedError, match="validation loss is not finite in epoch 1 of 4"):
        fit(pixels, tmp_path, checkpoint="lowest-validation-loss")


def test_a_loss_that_is_not_finite_stops_the_training(pixels: Pixels, tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="not finite in epoch 1 of 4"):
        fit(pixels, tmp_path, learning_rate=1e30, clip_norm=1e30, warmup=0.0)


def test_fewer_images_than_a_batch_are_one_batch(pixels: Pixels, tmp_path: Path) -> None:
    fit(pixels.take(np.arange(5)), tmp_path)


def test_any_timm_model_trains(pixels: Pixels, tmp_path: Path) -> None:
    few = pixels.take(np.arange(16))
    for architecture, width in (("resnet10t", 512), ("vit_tiny_patch16_224", 192)):
        model = fit_from(fresh(architecture=architecture), few, tmp_path, epochs=1)
        assert penultimate_features(model, few, VIEW).shape == (16, width)


CROPS = Augmentation(size=24, one_of=("grayscale", "blur"), jitter=(0.1, 0.1, 0.1))


def test_crops_and_cutmix_train_on_images_of_any_size(tmp_path: Path) -> None:
    rng, labels = np.random.default_rng(0), np.arange(64) % 2
    shapes = [(int(rng.integers(32, 48)), 32) for _ in labels]
    images = [
        rng.normal(80 + 80 * y, 20, (*shape, 3)).clip(0, 255).astype(np.uint8)
        for y, shape in zip(labels, shapes, strict=True)
    ]
    write_pixels(tmp_path, zip(images, labels, labels.astype(str), strict=True))
    ragged = load_pixels({path.name: path for path in tmp_path.iterdir()})
    model = fit_from(fresh(size=24), ragged, tmp_path, augmentation=CROPS, resize=28, epochs=8)
    for crops in (1, 3):
        assert right(model, ragged, View(28, 24, crops)) > 0.95


def test_cutmix_trains_on_mixed_targets(pixels: Pixels, tmp_path: Path) -> None:
    """Targets of mixed images are uncertain, so the loss stays above that of plain images."""
    for cutmix in (0.0, 1.0):
        fit_from(fresh(size=24), pixels, tmp_path, augmentation=replace(CROPS, cutmix=cutmix), label_smoothing=0.0)
        if not cutmix:
            plain = logged(tmp_path)[-1]["loss"]
    assert logged(tmp_path)[-1]["loss"] > plain + 0.1


def test_gradients_of_parts_add_up_to_the_batch(pixels: Pixels, tmp_path: Path) -> None:
    """Equal up to rounding, in a network without batch norm."""
    result = []
    for at_once in (None, 16, 6):
        numerics, vit = TrainingNumerics(images_at_once=at_once), fresh(architecture="test_vit")
        result.append(weights(fit_from(vit, pixels, tmp_path, epochs=1, learning_rate=1e-4, numerics=numerics)))
    whole, same, parts = ([state[name] for name in result[0]] for state in result)
    assert all(torch.equal(a, b) for a, b in zip(whole, same, strict=True))
    # Compare the mean, because Adam makes a full step even for a gradient of rounding errors.
    assert all((a - b).abs().mean() < 1e-5 for a, b in zip(whole, parts, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_on_a_small_accelerator_gradients_are_accumulated(
    pixels: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are those of a study that sets the number of images; with batch norm, nothing is chosen."""

    def trained(architecture: str, at_once: int | None = None) -> Classifier:
        numerics = TrainingNumerics(images_at_once=at_once)
        return fit_from(fresh(architecture=architecture), pixels, tmp_path, epochs=1, numerics=numerics)

    vit = "test_vit"
    expected = {name: weights(trained(name, at_once)) for name, at_once in ((vit, 2), ("resnet10t", None))}
    monkeypatch.setattr("prettyuseful.training.memory._MIN_IMAGES", 1)
    for name, chosen in ((vit, 2), ("resnet10t", None)):
        memory = predict_memory(fresh(architecture=name), 16)
        assert memory is not None
        free = memory.total(2, 16) / 0.9 + 1000
        monkeypatch.setattr("prettyuseful.training.loop.free_memory", lambda _, free=free: round(free))
        model = trained(name)
        assert isinstance(model.numerics, TrainingNumerics)
        assert model.numerics.images_at_once == chosen
        assert all(torch.equal(value, expected[name][key]) for key, value in weights(model).items())


def test_bfloat16_autocast_trains(pixels: Pixels, tmp_path: Path) -> None:
    half = TrainingNumerics(dtype="bfloat16", memory_format="channels_last")
    model = fit(pixels, tmp_path, numerics=half)
    assert all(value.dtype != torch.bfloat16 for value in weights(model).values())
    assert right(model, pixels) > 0.95
    assert not torch.equal(weights(model)["head.weight"], weights(fit(pixels, tmp_path))["head.weight"])


class Narrow(torch.nn.Module):
    """A network that simulates a GPU with memory for `most` images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.head = most, torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return self.head(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def test_batch_of_wide_and_tall_images_is_loaded_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading in parts limits the padding to the largest image of each part, and does not change the results."""
    rng = np.random.default_rng(0)
    shapes = [(32, 96), (96, 32), *[(32, 40)] * 14]
    images = [rng.integers(256, size=(*shape, 3), dtype=np.uint8) for shape in shapes]
    write_pixels(tmp_path, ((image, i % 2, str(i)) for i, image in enumerate(images)))
    ragged = load_pixels({path.name: path for path in tmp_path.iterdir()})
    whole = weights(fit_from(fresh(size=24), ragged, tmp_path, augmentation=CROPS, resize=28, epochs=2))
    monkeypatch.setattr("prettyuseful.training.loop._LOADED_AT_ONCE", 3)
    parts = weights(fit_from(fresh(size=24), ragged, tmp_path, augmentation=CROPS, resize=28, epochs=2))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_batches_are_split_into_even_parts(pixels: Pixels, tmp_path: Path) -> None:
    numerics = TrainingNumerics(images_at_once=5)  # 16 in a batch: 4, 4, 4, 4 and not 5, 5, 5, 1
    fit_from(fresh(architecture="resnet10t"), pixels, tmp_path, epochs=1, numerics=numerics)


@pytest.mark.parametrize(
    ("most", "message"), [(5, "numerics.images_at_once: 4, which fits"), (0, "not even one image fits")]
)
def test_out_of_memory_error_gives_a_size_that_fits(pixels: Pixels, tmp_path: Path, most: int, message: str) -> None:
    classifier = Classifier(Design("narrow", 2, 32), Narrow(most))
    with pytest.raises(MemoryLimitError, match=f"out of memory .* with 16 images at once; .*{message}"):
        fit_from(classifier, pixels, tmp_path)
    if most:
        fit_from(classifier, pixels, tmp_path, numerics=TrainingNumerics(images_at_once=4))


def test_only_the_head_learns_in_a_linear_probe(pixels: Pixels, tmp_path: Path) -> None:
    before = weights(fresh())
    after = weights(fit(pixels, tmp_path, trains="head"))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"head.weight", "head.bias"}


def test_a_small_image_is_refused_by_a_larger_crop(pixels: Pixels, tmp_path: Path) -> None:
    whole = replace(CROPS, size=40, scale=None)
    with pytest.raises(DataError, match="32 x 32 pixels is smaller than the training crop of 40"):
        fit_from(fresh(size=40), pixels, tmp_path, augmentation=whole, resize="native")


@pytest.mark.slow
def test_accuracy_is_high_on_photos_and_at_chance_with_shuffled_labels(tmp_path: Path) -> None:
    task, sets = PhotosTask(), []
    for which in SPLITS:
        (tmp_path / which).mkdir()
        write_pixels(tmp_path / which, decode_rows(task.images(which, 200), 32))
        sets.append(load_pixels({path.name: path for path in (tmp_path / which).iterdir()}))
    real, test = sets
    shuffled = replace(real, labels=np.random.default_rng(0).permutation(real.labels))

    def tested(pixels: Pixels, seed: int) -> TransferResult:
        classifier = init_classifier(Design("small", 16, 32), seed)
        log, bench = tmp_path / "log", Checkpoints(tmp_path / "bench")
        train(classifier, pixels, SMALL, seed, log, bench, lambda _: None)
        result = transfer(predict(classifier, test, VIEW), test.labels, test.groups)
        return TransferResult(kind="real_to_real", tested_on="real", **result.as_json())

    assert np.median([tested(real, seed).top1 for seed in range(3)]) >= 0.90
    chance = accuracy([tested(shuffled, seed) for seed in range(3)])
    assert chance.low <= 1 / 16 <= chance.high
    assert chance.high < 0.15
