"""HPS v2.1 from a tiny checkpoint with random weights, against OpenCLIP's network written out with plain layers."""

from __future__ import annotations

import json
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from PIL import Image
from torch import nn
from torchvision.transforms import InterpolationMode

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.open_clip import CHECKPOINT, HumanPreference, fit_into_square
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics

WIDTH, SIZE, PATCH, OUTPUT, WORDS, LENGTH = 32, 32, 8, 12, 54, 24
START, END = WORDS - 2, WORDS - 1


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        layers = {"c_fc": nn.Linear(WIDTH, 2 * WIDTH), "gelu": nn.GELU(), "c_proj": nn.Linear(2 * WIDTH, WIDTH)}
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> Any:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([Block(), Block()])

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Vision(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn(1 + (SIZE // PATCH) ** 2, WIDTH))
        self.proj = nn.Parameter(torch.randn(WIDTH, OUTPUT))
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.ln_pre, self.transformer, self.ln_post = nn.LayerNorm(WIDTH), Transformer(), nn.LayerNorm(WIDTH)

    def forward(self, images: torch.Tensor) -> Any:
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(images), 1, -1), patches], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class OpenClip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(LENGTH, WIDTH))
        self.text_projection = nn.Parameter(torch.randn(WIDTH, OUTPUT))
        self.logit_scale = nn.Parameter(torch.tensor(2.5))
        self.visual, self.transformer = Vision(), Transformer()
        self.token_embedding, self.ln_final = nn.Embedding(WORDS, WIDTH), nn.LayerNorm(WIDTH)

    def text(self, tokens: torch.Tensor) -> Any:
        mask = torch.full((LENGTH, LENGTH), -torch.inf).triu_(1)
        x = self.ln_final(self.transformer(self.token_embedding(tokens) + self.positional_embedding, mask))
        return x[torch.arange(len(x)), tokens.argmax(-1)] @ self.text_projection


@pytest.fixture(scope="module")
def model() -> OpenClip:
    torch.manual_seed(0)
    return OpenClip().eval()


@pytest.fixture
def folder(model: OpenClip, clip_folder: Path, tmp_path: Path) -> Path:
    """Return a folder with the checkpoint, and the configuration and tokenizer of the CLIP model."""
    shutil.copytree(clip_folder, tmp_path / "hps")
    (tmp_path / "hps" / "model.safetensors").unlink()
    config = json.loads((tmp_path / "hps" / "config.json").read_text())
    for part in ("text_config", "vision_config"):
        config[part]["hidden_act"] = "gelu"
    (tmp_path / "hps" / "config.json").write_text(json.dumps(config))
    torch.save({"state_dict": model.state_dict(), "epoch": 1}, tmp_path / "hps" / CHECKPOINT)
    return tmp_path / "hps"


def test_features_are_those_of_open_clip(model: OpenClip, folder: Path, pixels: Pixels) -> None:
    encoder = HumanPreference(str(folder), Numerics())
    with torch.no_grad():
        wanted = model.visual(torch.stack([fit_into_square(pixels[i], SIZE) for i in range(len(pixels))])).numpy()
    np.testing.assert_allclose(encoder.features(pixels), wanted, rtol=1e-4, atol=1e-5)
    assert np.ptp(wanted, axis=0).min() > 0.1

    letters = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    tokens = torch.zeros(2, LENGTH, dtype=torch.long)
    for row, word in zip(tokens, ("cat", "dog"), strict=True):
        spelled = [*(letters[letter] for letter in word[:-1]), 26 + letters[word[-1]]]
        row[: len(spelled) + 2] = torch.tensor([START, *spelled, END])
    with torch.no_grad():
        expected = model.text(tokens).numpy()
    np.testing.assert_allclose(encoder.text_features(["cat", "dog"]), expected, rtol=1e-4, atol=1e-5)
    assert encoder.logit_scale == pytest.approx(np.exp(2.5))


@pytest.mark.parametrize("shape", [(40, 56), (56, 40), (64, 33), (32, 32), (9, 5)])
def test_images_are_fitted_as_torchvision_does(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    values, scale = tv.to_tensor(Image.fromarray(image)), SIZE / max(shape)
    if scale != 1:
        values = tv.resize(values, [round(side * scale) for side in shape], InterpolationMode.BICUBIC)
        high, wide = SIZE - values.shape[1], SIZE - values.shape[2]
        values = tv.pad(values, [wide // 2, high // 2, wide - wide // 2, high - high // 2])
    wanted = tv.normalize(values, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    torch.testing.assert_close(fit_into_square(image, SIZE), wanted)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": {"visual.proj": torch.zeros(2, 2)}}, "does not hold the weights of HPS v2.1"),
        ({"state_dict": {"visual.transformer.resblocks.0": torch.zeros(1)}}, "does not hold the weights"),
        ([1], "does not hold the weights"),
        ({"state_dict": print}, "does not hold the weights"),
        (None, "cannot read the weights"),
    ],
)
def test_a_wrong_checkpoint_gives_one_line(content: Any, words: str, folder: Path) -> None:
    if content is None:
        (folder / CHECKPOINT).unlink()
    else:
        torch.save(content, folder / CHECKPOINT)
    with pytest.raises(DataError, match=words) as error:
        HumanPreference(str(folder), Numerics())
    assert "\n" not in str(error.value)
    assert "give the hub id xswu/HPSv2, or a folder with" in str(error.value)


def test_a_broken_configuration_gives_one_line(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match="cannot load the encoder 'hps'") as error:
        HumanPreference(str(folder), Numerics())
    assert "\n" not in str(error.value)
