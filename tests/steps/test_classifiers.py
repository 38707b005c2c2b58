"""Training from another classifier's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from prettyuseful.numerics import Numerics
from prettyuseful.steps.classifiers import DecodeSpec, TrainSpec
from prettyuseful.store.base import Artifact
from prettyuseful.training.recipes import SMALL

Make = Callable[..., Artifact]


@pytest.fixture
def few(make: Make, load: Callable[[int], Artifact]) -> Artifact:
    return make(DecodeSpec(size=16), dataset=load(4))


@pytest.fixture
def many(make: Make, load: Callable[[int], Artifact]) -> Artifact:
    return make(DecodeSpec(size=16), dataset=load(8))


def training(**changes: Any) -> TrainSpec:
    recipe = asdict(replace(SMALL, **{"epochs": 2, "batch_size": 8, "stored_size": 16, **changes}))
    return TrainSpec(architecture="small", recipe=recipe, seed=0, numerics=Numerics())


def head(classifier: Artifact) -> np.ndarray:
    weights: np.ndarray = load_file(classifier.path("weights.safetensors"))["head.weight"]
    return weights


def test_training_starts_from_the_weights_of_another_classifier(make: Make, few: Artifact, many: Artifact) -> None:
    first, scratch = make(training(), pixels=few), make(training(), pixels=many)
    tuned = make(training(), pixels=many, start=first)
    assert tuned.manifest.key != scratch.manifest.key
    assert not np.array_equal(head(tuned), head(scratch))
    still = make(training(learning_rate=0.0), pixels=many, start=first)
    assert np.array_equal(head(still), head(first))


def test_another_start_is_another_classifier(make: Make, few: Artifact, many: Artifact) -> None:
    one, two = (make(training(epochs=epochs), pixels=few) for epochs in (1, 2))
    keys = {make(training(), pixels=many, start=start).manifest.key for start in (one, two)}
    assert len(keys) == 2
