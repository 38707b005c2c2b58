from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.timm_models import TimmModel, pin_timm_weights
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics


@pytest.mark.parametrize("name", ["resnet10t.c3_in1k", "vit_tiny_patch16_224", "convnext_atto"])
def test_features_match_timm(name: str, tmp_path: Path, pixels: Pixels) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(name, pretrained=False)
    save_file(whole.state_dict(), tmp_path / "weights.safetensors")
    few = pixels.take(np.arange(3))
    features = TimmModel(name, str(tmp_path / "weights.safetensors"), Numerics()).features(few)

    model = timm.create_model(name, pretrained=False, num_classes=0).eval()
    model.load_state_dict(whole.state_dict(), strict=False)
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        expected = model(torch.stack([transform(Image.fromarray(few[i])) for i in range(3)]))
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-3, atol=1e-4)
    assert features.dtype == np.float32


def content_of(weights: str | None) -> dict[str, Any]:
    content = pin_timm_weights("resnet18", weights).content
    assert isinstance(content, dict)
    return content


def test_pinned_content_holds_weights_and_preprocessing_but_no_path(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.safetensors").write_bytes(b"the same")
    first, second = (content_of(str(tmp_path / folder / "weights.safetensors")) for folder in ("a", "b"))
    assert first == second
    assert first["preprocessing"]["input_size"] == [3, 224, 224]
    assert first["preprocessing"]["interpolation"] == "bicubic"
    assert content_of(None)["id"] == "resnet18.a1_in1k"


def test_weights_of_another_model_are_rejected(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(DataError, match="do not fit resnet18"):
        TimmModel("resnet18", str(tmp_path / "weights.safetensors"), Numerics())
