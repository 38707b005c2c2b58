from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.hub_server import use_local_hub
from transformers import AutoImageProcessor, AutoProcessor, CLIPModel, Dinov2Model

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.hub import Clip, ClipH14, Dinov2
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.encoders.table import CLIP_H_14
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics


def images_of(pixels: Pixels) -> list[Image.Image]:
    return [Image.fromarray(pixels[i]) for i in range(len(pixels))]


def pooled(output: Any) -> np.ndarray:
    """Return the embedding: transformers 4 returns it directly, transformers 5 in an output object."""
    embedding = output if isinstance(output, torch.Tensor) else output.pooler_output
    return np.asarray(embedding.detach().numpy())


def test_clip_image_features_match_transformers(clip_folder: Path, pixels: Pixels) -> None:
    features = Clip(str(clip_folder), Numerics()).features(pixels)
    model, processor = CLIPModel.from_pretrained(clip_folder), AutoProcessor.from_pretrained(clip_folder)
    expected = pooled(model.get_image_features(**processor(images=images_of(pixels), return_tensors="pt")))
    assert features.shape == (19, 12)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0.1  # the features depend on the images


def test_clip_text_features_match_transformers(clip_folder: Path) -> None:
    texts = ["a photo of a cat", "dog", "a photo of something whose name is far too long for this model"]
    features = Clip(str(clip_folder), Numerics()).text_features(texts)
    model, processor = CLIPModel.from_pretrained(clip_folder), AutoProcessor.from_pretrained(clip_folder)
    inputs = processor(text=texts, return_tensors="pt", padding=True, truncation=True)
    np.testing.assert_allclose(features, pooled(model.get_text_features(**inputs)), rtol=1e-4, atol=1e-5)


def test_dinov2_features_are_the_class_token(dinov2_folder: Path, pixels: Pixels) -> None:
    features = Dinov2(str(dinov2_folder), Numerics()).features(pixels)
    model = Dinov2Model.from_pretrained(dinov2_folder)
    processor = AutoImageProcessor.from_pretrained(dinov2_folder)
    output = model(**processor(images=images_of(pixels), return_tensors="pt"))
    np.testing.assert_allclose(features, output.last_hidden_state[:, 0].detach().numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(features, output.pooler_output.detach().numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [Clip, Dinov2])
def test_features_do_not_depend_on_other_images(kind: Any, request: pytest.FixtureRequest, pixels: Pixels) -> None:
    folder = request.getfixturevalue(f"{kind.__name__.lower()}_folder")
    encoder = kind(str(folder), Numerics())
    whole, order = encoder.features(pixels), np.array([18, 3, 7])
    np.testing.assert_array_equal(encoder.features(pixels.take(order)), whole[order])


@pytest.mark.parametrize(("kind", "other"), [(Clip, "dinov2_folder"), (Dinov2, "clip_folder")])
def test_model_of_another_kind_is_rejected(kind: Any, other: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(DataError, match="encoder") as error:
        kind(str(request.getfixturevalue(other)), Numerics())
    assert "\n" not in str(error.value)


def test_missing_weights_are_reported(clip_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(clip_folder, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"incomplete.*visual_projection"):
        Clip(str(folder), Numerics())


def test_folder_without_weights_is_reported(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copy(clip_folder / "config.json", tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "clip"
    with pytest.raises(DataError, match="cannot load the encoder"):
        Clip(str(tmp_path), Numerics())


def test_models_fine_tuned_from_clip_h_14_use_its_processor(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: Pixels
) -> None:
    few, processor = pixels.take(np.arange(2)), CLIP_H_14.processor
    assert processor is not None
    base, _, commit = processor.partition("@")
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        (tmp_path / "tuned").mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(clip_folder / name, tmp_path / "tuned")
        hub.repositories = {"we/tuned": tmp_path / "tuned", base: clip_folder}
        hub.commits[base] = commit
        pinned = EncoderSource(name="clip-vit-h-14", weights="we/tuned").pin()
        assert isinstance(pinned.content, dict)
        assert pinned.content["processor"] == {"hub": base, "commit": commit}
        expected = Clip(str(clip_folder), Numerics()).features(few)
        np.testing.assert_array_equal(open_encoder(pinned, Numerics()).features(few), expected)
    alone = EncoderSource(name="clip-vit-h-14", weights=str(clip_folder)).pin()
    assert isinstance(alone.content, dict)
    assert "processor" not in alone.content
    np.testing.assert_array_equal(open_encoder(alone, Numerics()).features(few), expected)
    with pytest.raises(DataError, match="cannot load the encoder 'tuned'"):
        ClipH14(str(tmp_path / "tuned"), Numerics())


def test_the_logit_scale_is_that_of_the_model(clip_folder: Path) -> None:
    model = CLIPModel.from_pretrained(clip_folder)
    assert Clip(str(clip_folder), Numerics()).logit_scale == pytest.approx(model.logit_scale.detach().exp().item())
