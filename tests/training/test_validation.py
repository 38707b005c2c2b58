from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.errors import DataError
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.inference import predict
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.loop import train
from prettyuseful.training.recipes import SMALL, view_of
from prettyuseful.training.validation import split_validation

NUMERICS = TrainingNumerics()
OVERFIT = {"epochs": 8, "batch_size": 16, "validation": 0.25, "label_smoothing": 0.0}
RECIPE = replace(SMALL, checkpoint="lowest-validation-loss", **OVERFIT)  # type: ignore[arg-type]


def noisy(count: int = 80) -> Pixels:
    """Images that lead to overfitting: the validation loss first falls and then rises."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = rng.normal(120 + 4 * labels[:, None, None, None], 50, (count, 32, 32, 3)).clip(0, 255)
    return Pixels.from_array(images.astype(np.uint8), labels, np.arange(count).astype(str))


def fit(folder: Path, stop: int | None = None, every: float = 60.0) -> tuple[Classifier, list[dict[str, float]]]:
    def progress(fraction: float) -> None:
        if stop is not None and fraction * RECIPE.epochs >= stop:
            raise KeyboardInterrupt

    log, bench = folder / "log.jsonl", Checkpoints(folder / "bench", every)
    classifier = train(init_classifier(Design("small", 2, 32), 0), noisy(), RECIPE, 0, log, bench, progress)
    return classifier, [json.loads(line) for line in log.read_text().splitlines()]


def test_groups_stay_whole_and_every_class_gives_its_share() -> None:
    labels = np.repeat([0, 1], [40, 20])
    groups = np.array([f"{i // 4}" for i in range(60)])
    rows, held = split_validation(labels, groups, 0.2, 0)
    assert sorted([*rows, *held]) == list(range(60))
    assert not set(groups[rows]) & set(groups[held])
    assert np.bincount(labels[held]).tolist() == [8, 4]


def test_the_split_follows_from_the_seed() -> None:
    images = noisy()
    one, same, other = (split_validation(images.labels, images.groups, 0.25, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_a_class_of_one_group_cannot_be_split() -> None:
    with pytest.raises(DataError, match=r"class number 1 has one group of 2 training images, .* set checkpoint: last"):
        split_validation(np.array([0, 1, 0, 1]), np.array(["a", "b", "c", "b"]), 0.1, 0)


def test_the_weights_of_the_lowest_loss_are_kept(tmp_path: Path) -> None:
    classifier, log = fit(tmp_path)
    losses = [line["validation_loss"] for line in log]
    assert np.argmin(losses) < len(losses) - 1  # otherwise this test would show nothing
    images = noisy()
    _, held = split_validation(images.labels, images.groups, RECIPE.validation, 0)
    pixels = images.take(held)
    logits = torch.from_numpy(predict(classifier, pixels, view_of(RECIPE)))
    assert float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(pixels.labels))) == pytest.approx(
        min(losses)
    )


def test_interruption_does_not_change_the_best_checkpoint(tmp_path: Path) -> None:
    whole, log = fit(tmp_path / "whole")
    for folder in ("cut",):
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / folder, stop=5, every=0.0)
        again, same = fit(tmp_path / folder, every=0.0)
    assert same == log
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
