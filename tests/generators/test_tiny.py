from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from tests.generators.tiny import FAMILIES, build

EXPECTED = {
    "sd": ("StableDiffusionPipeline", 16),
    "sdxl": ("StableDiffusionXLPipeline", 16),
    "sdxl-refiner": ("StableDiffusionXLImg2ImgPipeline", 16),
    "sd3": ("StableDiffusion3Pipeline", 32),
    "flux": ("FluxPipeline", 32),
    "flux-schnell": ("FluxPipeline", 32),
    "sana": ("SanaPipeline", 32),
    "lumina2": ("Lumina2Pipeline", 64),
    "qwen-image": ("QwenImagePipeline", 32),
    "pixart": ("PixArtAlphaPipeline", 32),
}
SMALL = {"height": 32, "width": 32}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "sdxl-refiner": {"image": np.full((16, 16, 3), 0.5, np.float32), "strength": 0.9},
    "flux": SMALL,
    "flux-schnell": SMALL,
    "qwen-image": SMALL,
    "sana": {**SMALL, "use_resolution_binning": False},
    "pixart": {**SMALL, "use_resolution_binning": False, "clean_caption": False},
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(family, tmp_path_factory.mktemp("tiny") / family)


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    torch.set_num_threads(1)
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: Any, family: str, prompt: str = "a photo of a red cat", seed: int = 0, **more: Any) -> np.ndarray:
    arguments = {"num_inference_steps": 2, "output_type": "np", **ARGUMENTS.get(family, {}), **more}
    image = pipeline(prompt, generator=torch.Generator().manual_seed(seed), **arguments).images[0]
    return np.asarray((image * 255).round(), np.int64)


def differ(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first - second).mean() > 1)


def guided(family: str, scale: float, negative: str = "") -> dict[str, Any]:
    name = "true_cfg_scale" if family in ("flux", "flux-schnell", "qwen-image") else "guidance_scale"
    return {name: scale, "negative_prompt": negative}


def test_saved_pipeline_is_small_and_reproducible(family: str, folder: Path, tmp_path: Path) -> None:
    def content(root: Path) -> dict[str, str]:
        files = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert content(build(family, tmp_path / family)) == content(folder)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3_000_000


def test_images_have_contrast_and_are_not_saturated(family: str, pipeline: Any) -> None:
    image = draw(pipeline, family)
    name, size = EXPECTED[family]
    assert type(pipeline).__name__ == name
    assert image.shape == (size, size, 3)
    assert image.std() > 20
    assert ((image == 0) | (image == 255)).mean() < 0.5


def test_seed_prompt_guidance_and_negative_change_the_image(family: str, pipeline: Any) -> None:
    generate = partial(draw, pipeline, family)
    plain, strong = generate(**guided(family, 1)), generate(**guided(family, 4))
    assert np.array_equal(plain, generate(**guided(family, 1)))
    assert differ(plain, generate(seed=1, **guided(family, 1)))
    assert differ(plain, generate("a blue dog", **guided(family, 1)))
    assert differ(plain, strong)
    assert differ(strong, generate(**guided(family, 8)))
    assert differ(strong, generate(**guided(family, 4, negative="a green bird")))


@pytest.mark.parametrize("family", ["flux", "flux-schnell"], indirect=True, scope="module")
def test_flux_uses_guidance_scale_unless_schnell(family: str, pipeline: Any) -> None:
    images = [draw(pipeline, family, guidance_scale=scale) for scale in (1.0, 8.0)]
    assert differ(*images) == (family == "flux")


@pytest.mark.parametrize("family", ["qwen-image"], indirect=True, scope="module")
def test_qwen_image_template_matches_the_tokens_that_the_pipeline_drops(pipeline: Any) -> None:
    template, _ = pipeline.prompt_template_encode.split("{}")
    assert len(pipeline.tokenizer(template).input_ids) == pipeline.prompt_template_encode_start_idx


def test_refiner_continues_the_latents_of_sdxl(tmp_path: Path) -> None:
    base, refiner = (
        DiffusionPipeline.from_pretrained(build(name, tmp_path / name)) for name in ("sdxl", "sdxl-refiner")
    )
    steps: dict[str, Any] = {"prompt": "a red cat", "num_inference_steps": 10}
    latents = base(**steps, denoising_end=0.8, output_type="latent", generator=torch.Generator().manual_seed(0)).images
    image = refiner(**steps, denoising_start=0.8, image=latents, output_type="np").images[0]
    assert image.shape == (16, 16, 3)
    assert not np.array_equal(
        image, base(**steps, generator=torch.Generator().manual_seed(0), output_type="np").images[0]
    )
