from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.diffusers import StableDiffusionGenerator
from prettyuseful.generators.models import MODELS, find_model
from prettyuseful.numerics import Numerics

SEEDS = [5, 2**62 + 1, 7]


def make(folder: Path, **sampling: object) -> StableDiffusionGenerator:
    numerics = Numerics()
    numerics.apply()
    settings = Sampling.model_validate({"steps": 2, "cfg": 1.0, **sampling})
    return StableDiffusionGenerator(find_model(str(folder)), settings, numerics)


@pytest.fixture(scope="module")
def generator(pipeline_folder: Path) -> StableDiffusionGenerator:
    return make(pipeline_folder)


@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_images_are_the_pipelines_own(pipeline_folder: Path, cfg: float) -> None:
    """The same pipeline, called the way its documentation says, gives the same picture to the bit."""
    pipeline = StableDiffusionPipeline.from_pretrained(pipeline_folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        ["a cat"] * 3,
        negative_prompt=["dark"] * 3,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in SEEDS],
        num_inference_steps=2,
        guidance_scale=cfg,
        output_type="np",
    ).images
    found = make(pipeline_folder, cfg=cfg, negative="dark").generate(["a cat"] * 3, SEEDS)
    assert np.array_equal(found, (wanted * 255).round().astype(np.uint8))


def test_an_image_depends_on_its_own_prompt_and_seed_alone(generator: StableDiffusionGenerator) -> None:
    first = generator.generate(["cat", "dog", "emu"], SEEDS)
    second = generator.generate(["cow", "dog", "fox"], [1, SEEDS[1], 3])
    assert first.shape == (3, 16, 16, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(first, generator.generate(["cat", "dog", "emu"], SEEDS))


def test_prompt_seed_guidance_and_negative_reach_the_model(pipeline_folder: Path) -> None:
    def image(prompt: str = "cat", seed: int = 1, **sampling: object) -> np.ndarray:
        return make(pipeline_folder, **sampling).generate([prompt], [seed])

    base, guided = image(), image(cfg=30)
    assert not np.array_equal(base, image("zebra zoo"))
    assert not np.array_equal(base, image(seed=2))
    assert not np.array_equal(base, guided)
    assert not np.array_equal(base, image(steps=3))
    assert not np.array_equal(guided, image(cfg=30, negative="zebra zoo"))


def test_what_was_applied_is_said(generator: StableDiffusionGenerator) -> None:
    assert generator.applied() == {
        "pipeline": "StableDiffusionPipeline",
        "scheduler": "DDIMScheduler",
        "steps": 2,
        "cfg": 1.0,
        "negative": None,
        "size": 16,
        "safety_checker": "off",
    }


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("pocket-")])
def test_every_pocket_model_is_loaded_by_the_same_code(name: str) -> None:
    numerics = Numerics()
    generator = StableDiffusionGenerator(MODELS[name], MODELS[name].vendor, numerics)
    assert generator.generate(["cat"] * 2, [0, 1]).shape == (2, 32, 32, 3)
    assert generator.applied()["steps"] == (4 if name == "pocket-turbo" else 25)


def test_weights_that_are_not_there_are_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="cannot load the generator 'nobody/nothing'") as error:
        make(Path("nobody/nothing"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "part", ["text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors"], ids=["text", "unet"]
)
def test_weights_that_are_there_in_part_are_refused(pipeline_folder: Path, tmp_path: Path, part: str) -> None:
    """The libraries would fill the gap with random numbers and go on."""
    shutil.copytree(pipeline_folder, tmp_path / "model")
    state = load_file(tmp_path / "model" / part)
    state.popitem()
    save_file(state, tmp_path / "model" / part, metadata={"format": "pt"})
    with pytest.raises(DataError, match="'model' are incomplete") as error:
        make(tmp_path / "model")
    assert "\n" not in str(error.value)
