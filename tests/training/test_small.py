from __future__ import annotations

import pytest
import torch

from prettyuseful.training.architectures import build
from prettyuseful.training.small import SmallNet


def test_small_network_has_the_methods_of_timm_models() -> None:
    model, x = build("small", 16, 32).eval(), torch.randn(2, 3, 32, 32)
    assert isinstance(model, SmallNet)
    features = model.forward_features(x)
    assert features.shape == (2, 128, 4, 4)
    assert torch.equal(model.forward_head(features), model(x))
    assert model.forward_head(features, pre_logits=True).shape == (2, 128)
    assert sum(p.numel() for p in model.parameters()) == 165736


@pytest.mark.parametrize("side", [8, 24, 33])
def test_images_of_at_least_eight_pixels_are_supported(side: int) -> None:
    model = SmallNet(3).eval()
    features = model.forward_features(torch.randn(1, 3, side, side + 3))
    assert features.shape == (1, 128, side // 8, (side + 3) // 8)
    assert model.forward_head(features).shape == (1, 3)


def test_logits_are_the_head_on_the_penultimate_features() -> None:
    model, x = SmallNet(4).eval(), torch.randn(2, 3, 32, 32)
    features = model.forward_features(x)
    penultimate_features = model.forward_head(features, pre_logits=True)
    assert torch.allclose(penultimate_features, features.mean(dim=(2, 3)))
    assert torch.equal(model.head(penultimate_features), model(x))


def test_pooling_before_the_relu_gives_the_same_values() -> None:
    model, x = SmallNet(4).eval(), torch.randn(2, 3, 32, 32)
    expected = x
    for layer in model.body:
        expected = layer(expected.relu() if isinstance(layer, torch.nn.MaxPool2d) else expected)
    assert torch.equal(model.forward_features(x), expected)
