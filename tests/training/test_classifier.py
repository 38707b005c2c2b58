from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.numerics import Numerics
from prettyuseful.training.classifier import Classifier, Design, load_classifier
from prettyuseful.training.inference import predict
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.recipes import View

NUMERICS = Numerics()


def pixels(count: int = 30) -> Pixels:
    images = np.random.default_rng(0).integers(256, size=(count, 32, 32, 3), dtype=np.uint8)
    return Pixels.from_array(images, np.zeros(count, np.int64), np.arange(count).astype(str))


def test_saved_weights_are_restored(tmp_path: Path) -> None:
    classifier = init_classifier(Design("small", 2, 32), 0)
    classifier.network.eval()
    path = tmp_path / "w.safetensors"
    classifier.save(path)
    again = load_classifier(path, Design.from_json(classifier.design.as_json()), NUMERICS)
    view = View(32, 32)
    assert np.array_equal(predict(classifier, pixels(), view), predict(again, pixels(), view))


def test_the_input_is_normalised_with_the_statistics_of_the_design() -> None:
    one = init_classifier(Design("small", 2, 32), 0)
    other = init_classifier(Design("small", 2, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), 0)
    values = torch.full((1, 3, 1, 1), 0.5)
    assert torch.equal(other.normalise(values.clone()), torch.zeros(1, 3, 1, 1))
    assert torch.allclose(one.normalise(values.clone())[0, 0], torch.tensor((0.5 - 0.485) / 0.229))


def test_design_is_restored_from_json() -> None:
    design = Design("small", 3, 24, (0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    assert Design.from_json(json.loads(json.dumps(design.as_json()))) == design
    hash(Design.from_json(json.loads(json.dumps(design.as_json()))))


def test_a_design_builds_a_network_of_its_classes() -> None:
    network = Design("small", 5, 32).build().eval()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


def test_loaded_classifier_is_in_evaluation_mode(tmp_path: Path) -> None:
    trained = init_classifier(Design("small", 2, 32), 0)
    trained.network.train()
    trained.save(tmp_path / "w.safetensors")
    loaded = load_classifier(tmp_path / "w.safetensors", trained.design, Numerics(threads=2))
    assert not loaded.network.training
    assert loaded.numerics == Numerics(threads=2)
    assert loaded.design == trained.design


def test_weights_of_another_design_are_refused(tmp_path: Path) -> None:
    init_classifier(Design("small", 2, 32), 0).save(tmp_path / "w.safetensors")
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_classifier(tmp_path / "w.safetensors", Design("small", 3, 32), NUMERICS)


def test_moving_keeps_the_weights_and_changes_the_numerics() -> None:
    classifier = init_classifier(Design("small", 2, 32), 0)
    moved = classifier.to(Numerics(memory_format="channels_last"))
    assert isinstance(moved, Classifier)
    assert classifier.numerics.memory_format != moved.numerics.memory_format == "channels_last"
    before, after = classifier.network.state_dict(), moved.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_results_are_always_float32(dtype: str) -> None:
    classifier = init_classifier(Design("small", 2, 32), 0)
    classifier.network.eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact = classifier.compute(images)
        result = classifier.to(Numerics.model_validate({"dtype": dtype})).compute(images)
    assert result.dtype == torch.float32
    assert torch.allclose(result, exact, atol=0.05)
    assert torch.equal(result, exact) is (dtype == "float32")


def test_a_part_of_the_network_can_be_called_alone() -> None:
    classifier = init_classifier(Design("small", 2, 32), 0)
    with torch.inference_mode():
        result = classifier.compute(torch.zeros(1, 3, 32, 32), lambda x: x.mean(dim=(1, 2, 3)).double())
    assert (result.shape, result.dtype) == ((1,), torch.float32)
