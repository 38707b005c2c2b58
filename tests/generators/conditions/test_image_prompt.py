"""Image prompts by an IP-Adapter: each generated image sees its own real image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from tests.generators.conditions.own_calls import REAL, SIZE, STEPS, Conditioned, differs_at_most
from tests.generators.reference_pipelines import PROMPT, SEEDS, generate_images, load_pipeline, to_uint8
from tests.hub_server import commit, use_local_hub
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from prettyuseful.data.images import to_square
from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.image_prompt import Adapter, ImagePrompt
from prettyuseful.generators.models import find_model
from prettyuseful.hub.files import folder_fingerprint

FILE = "ip-adapter_sd15.safetensors"
_VISION = 16


def make_adapter(folder: Path, unet: UNet2DConditionModel) -> Path:
    """Write an adapter with random weights for a UNet in the layout of h94/IP-Adapter, and return the folder."""
    torch.manual_seed(1)
    config = CLIPVisionConfig(
        hidden_size=_VISION,
        projection_dim=_VISION,
        intermediate_size=2 * _VISION,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=8,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "models" / "image_encoder")
    width, channels = unet.config.cross_attention_dim, list(unet.config.block_out_channels)
    cross = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    weights = {
        "image_proj.proj.weight": torch.randn(4 * width, _VISION),
        "image_proj.proj.bias": torch.zeros(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for number, name in enumerate(cross):
        block, position = name.split(".")[0], name.split(".")[1]
        order = channels[::-1] if block == "up_blocks" else channels
        outputs = channels[-1] if block == "mid_block" else order[int(position)]
        for part in ("to_k_ip", "to_v_ip"):
            weights[f"ip_adapter.{2 * number + 1}.{part}.weight"] = 0.3 * torch.randn(outputs, width)
    save_file(weights, folder / "models" / FILE)
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[str], Path]) -> Adapter:
    unet = UNet2DConditionModel.from_pretrained(tiny("sd") / "unet")
    return Adapter(path=str(make_adapter(tmp_path_factory.mktemp("adapters") / "sd", unet)))


@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_each_image_of_a_batch_equals_that_of_the_pipeline_with_its_own_real_image(
    cfg: float, adapter: Adapter, tiny: Callable[[str], Path]
) -> None:
    """But for the rounding of a batch of three: diffusers itself would show all real images to each generated one."""
    images = Conditioned(str(tiny("sd")), ImagePrompt(adapter=adapter, scale=0.8), cfg=cfg).images()
    pipeline = load_pipeline(tiny("sd"))
    pipeline.load_ip_adapter(adapter.path, subfolder="models", weight_name=FILE)
    pipeline.set_ip_adapter_scale(0.8)
    for image, seed, real in zip(images, SEEDS, REAL, strict=True):
        own = pipeline(
            PROMPT,
            height=SIZE,
            width=SIZE,
            num_inference_steps=STEPS,
            guidance_scale=cfg,
            generator=torch.Generator().manual_seed(seed),
            output_type="pt",
            ip_adapter_image=Image.fromarray(to_square(Image.fromarray(real), SIZE)),
        ).images
        assert differs_at_most(image, to_uint8(own)[0]) <= 1


def test_the_scale_weighs_the_real_image(adapter: Adapter, tiny: Callable[[str], Path]) -> None:
    text = generate_images(str(tiny("sd")), steps=STEPS, cfg=1.0)
    none, much = (Conditioned(str(tiny("sd")), ImagePrompt(adapter=adapter, scale=s), cfg=1.0).images() for s in (0, 1))
    assert differs_at_most(none, text) <= 1
    assert np.abs(much.astype(int) - text).mean() > 1


def test_the_weights_are_in_the_key_and_the_place_is_not(adapter: Adapter, tmp_path: Path) -> None:
    import shutil

    assert adapter.path is not None
    copied = adapter.model_copy(update={"path": str(shutil.copytree(adapter.path, tmp_path / "copy"))})
    content = ImagePrompt(adapter=adapter).pin().content
    assert ImagePrompt(adapter=copied).pin().content == content
    (tmp_path / "copy" / "models" / FILE).write_bytes(b"other weights")
    assert ImagePrompt(adapter=copied).pin().content != content
    assert ImagePrompt(adapter=adapter, scale=0.7).pin().content != content


def test_the_content_of_an_adapter_is_what_keys_hold(
    adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert adapter.path is not None
    expected = {"scale": 0.6, "kind": "image-prompt", "version": 2}
    files = {"subfolder": "models", "weight_name": FILE, "image_encoder": "image_encoder"}
    content = ImagePrompt(adapter=adapter).pin().content
    assert content == {**expected, "adapter": files, "weights": folder_fingerprint(Path(adapter.path))}
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/adapter": Path(adapter.path)}
        pinned = ImagePrompt(adapter=Adapter.model_validate("we/adapter")).pin()
    weights = {"hub": "we/adapter", "commit": commit("we/adapter")}
    assert pinned.content == {**expected, "adapter": files, "weights": weights}
    assert isinstance(pinned.source, ImagePrompt)
    assert pinned.source.adapter.id == f"we/adapter@{commit('we/adapter')}"


def test_what_is_wrong_with_an_adapter_is_said_in_one_line(
    adapter: Adapter, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="set exactly one of path and id"):
        Adapter()
    with pytest.raises(ValidationError, match=r"give a \.safetensors file, which runs no code"):
        Adapter(id="h94/IP-Adapter", weight_name="ip-adapter_sd15.bin")
    with pytest.raises(DataError, match="is not a folder; correct path, or give id"):
        ImagePrompt(adapter=Adapter(path=str(tmp_path / "none"))).pin()
    missing = adapter.model_copy(update={"weight_name": "other.safetensors"})
    with pytest.raises(DataError, match="check subfolder, weight_name and image_encoder") as error:
        Conditioned(str(tiny("sd")), ImagePrompt(adapter=missing))
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="image prompts of PixArtAlphaPipeline are not supported"):
        find_model(str(tiny("pixart")), ImagePrompt(adapter=adapter))


def test_the_weights_of_an_adapter_are_known_before_they_are_loaded(adapter: Adapter) -> None:
    assert adapter.path is not None
    folder = Path(adapter.path) / "models"
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
    loaded = [*encoder.parameters(), *load_file(folder / FILE).values()]
    assert ImagePrompt(adapter=adapter).added_weights == sum(tensor.numel() for tensor in loaded)
    assert Adapter(id="h94/IP-Adapter").weights == 632_080_000
    of_xl = Adapter(id="h94/IP-Adapter", subfolder="sdxl_models", image_encoder="sdxl_models/image_encoder")
    assert of_xl.weights == Adapter(id="h94/IP-Adapter", subfolder="sdxl_models").weights == 1_844_900_000
    (folder / "broken.safetensors").write_bytes(b"x")
    broken = adapter.model_copy(update={"weight_name": "broken.safetensors"})
    assert 0 < broken.weights < adapter.weights
    (folder / "broken.safetensors").unlink()
