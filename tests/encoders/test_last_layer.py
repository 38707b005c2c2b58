"""The last layer of classifiers with random weights, against timm's own networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.last_layer import read_last_layer
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), np.uint8)


def save(network: torch.nn.Module, folder: Path) -> str:
    file = folder / "weights.safetensors"
    save_file(network.state_dict(), file)
    return str(file)


@pytest.mark.parametrize(
    "name", ["resnet10t", "mobilenetv3_small_050", "vit_tiny_patch16_224", "tf_efficientnet_lite0"]
)
def test_features_and_last_layer_give_the_logits_of_timm(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = timm.create_model(name).eval()
    torch.nn.init.normal_(network.get_classifier().weight, std=0.3)  # larger, so that predictions differ
    encoder = "efficientnet-lite0" if name == "tf_efficientnet_lite0" else name
    pinned = EncoderSource(name=encoder, weights=save(network, tmp_path)).pin()
    opened = open_encoder(pinned, Numerics())
    features = opened.features(Pixels.from_array(IMAGES, np.zeros(3, int), np.full(3, "")))
    inputs = torch.stack([opened._preprocess(image) for image in IMAGES])  # type: ignore[attr-defined]
    with torch.inference_mode():
        wanted = network(inputs).softmax(-1).numpy()
    found = read_last_layer(pinned).logits(features)
    found = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert np.ptp(wanted) > 1e-4
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_other_classes_than_those_of_imagenet_are_refused(tmp_path: Path) -> None:
    weights = save(timm.create_model("resnet10t", num_classes=10), tmp_path)
    with pytest.raises(DataError, match="resnet10t has 10 classes, not the 1,000 of ImageNet"):
        read_last_layer(EncoderSource(name="resnet10t", weights=weights).pin())


def test_weights_without_a_last_layer_are_refused(tmp_path: Path) -> None:
    weights = save(timm.create_model("resnet10t", num_classes=0), tmp_path)
    with pytest.raises(DataError, match="have no linear last layer 'fc'"):
        read_last_layer(EncoderSource(name="resnet10t", weights=weights).pin())
