"""Pipelines without a family: images from records equal those of the pipeline's own call."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.cosmos import pipeline_cosmos2_text2image
from diffusers.pipelines.prx import pipeline_prx, pipeline_prx_pixel
from pipelines_table import UNMAPPED, how_it_runs, mapped
from tests.generators.reference_pipelines import load_pipeline
from tests.generators.tiny_others import OTHERS, Other, build_other

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.models import find_model
from prettyuseful.generators.recording import read_form
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.generators.stubs import is_stub
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

PROMPT, SEEDS, STEPS = "a small red cat", (5, 2**62 + 1), 2
FAST = ("PixArtSigmaPipeline", "StableDiffusionPAGPipeline", "ZImagePipeline", "KandinskyV22CombinedPipeline")
"""Pipelines with tensors and with lists in their records, with a UNet and a transformer, and one that runs whole."""

Folders = Callable[[str], Path]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Returns the folder of the tiny pipeline of a class."""
    root = tmp_path_factory.mktemp("others")
    return cache(lambda name: build_other(name, root / name))


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide stubs of packages that pipelines need and that are not installed."""
    (tmp_path / "ftfy.py").write_text("def fix_text(text): return text")
    (tmp_path / "cosmos_guardrail.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for module in (pipeline_prx, pipeline_prx_pixel):
        monkeypatch.setattr(module, "ftfy", importlib.import_module("ftfy"), raising=False)
    monkeypatch.setattr(pipeline_cosmos2_text2image, "CosmosSafetyChecker", _NoGuardrail)


class _NoGuardrail(diffusers.ModelMixin, diffusers.ConfigMixin):  # type: ignore[misc]
    config_name = "config.json"

    def __init__(self) -> None:
        super().__init__()
        self.none = torch.nn.Parameter(torch.zeros(1))

    def check_text_safety(self, _: str) -> bool:
        return True

    def check_video_safety(self, video: Any) -> Any:
        return video


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]
)
def test_images_equal_those_of_the_pipeline(name: str, folder_of: Folders) -> None:
    """With guidance and with a negative prompt, where there are such; records are stored and read again."""
    folder, other = folder_of(name), OTHERS[name]
    sampling = resolve_sampling(
        Sampling(**{"steps": STEPS, "size": other.size, **other.sampling}), find_model(str(folder))
    )
    images, several = generate(str(folder), sampling)
    reference = reference_images(folder, other, several)
    assert images.shape == reference.shape
    assert images.std() > 5
    assert not np.array_equal(images[0], images[1])
    assert np.array_equal(images, reference)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in OTHERS])
def test_images_without_guidance_equal_those_of_the_pipeline(name: str, folder_of: Folders) -> None:
    folder, other = folder_of(name), OTHERS[name]
    model = find_model(str(folder))
    if model.distilled or not model.kind.guidance:
        return  # compared above
    if name == "HunyuanDiTPAGPipeline":
        with pytest.raises(RuntimeError, match="must match"):
            reference_images(folder, replace(other, guided={"guidance_scale": 1.0}), several=False)
        return  # its own call needs guidance
    value = 0.0 if model.kind.zero_is_off else 1.0
    sampling = resolve_sampling(Sampling(steps=STEPS, size=other.size, cfg=1.0), model)
    images, several = generate(str(folder), sampling)
    unguided = replace(other, guided={model.kind.guidance: value})
    assert np.array_equal(images, reference_images(folder, unguided, several))


@pytest.mark.slow
def test_every_text_to_image_pipeline_of_diffusers_is_compared() -> None:
    """At least 90 % of those that start from text alone run, mapped or not, and none is missing in the table."""
    classes = [*mapped().values(), *UNMAPPED]
    ways = {name: how_it_runs(name)[0] for name in classes}
    assert {name for name, way in ways.items() if way in ("split", "whole")} == set(OTHERS)
    mapped_from_text = [name for name in mapped().values() if "Control" not in name and "Helios" not in name]
    assert len(mapped_from_text) == 42
    for from_text in (mapped_from_text, [*mapped_from_text, *UNMAPPED]):
        assert sum(ways[name] != "refused" for name in from_text) >= 0.9 * len(from_text)
    others = {name for name in _pipelines_with_prompts() - {*classes} if how_it_runs(name)[0] != "refused"}
    assert others <= {"Lumina2Text2ImgPipeline", "LuminaText2ImgPipeline"}  # former names


def _pipelines_with_prompts() -> set[str]:
    """Return the names of all pipelines of diffusers whose call takes a prompt."""
    found = {}
    for name in dir(diffusers):
        with contextlib.suppress(Exception):  # some need packages that are not installed
            found[name] = getattr(diffusers, name)
    return {
        name
        for name, value in found.items()
        if isinstance(value, type)
        and issubclass(value, diffusers.DiffusionPipeline)
        and "prompt" in inspect.signature(value.__call__).parameters
    }


def test_an_image_depends_only_on_its_prompt_and_its_seed(folder_of: Folders) -> None:
    name = str(folder_of("PixArtSigmaPipeline"))
    sampling = resolve_sampling(Sampling(steps=STEPS, size=32), find_model(name))
    model = TextToImage(name, sampling, Numerics())
    cat, dog = model.encode(["a cat", "a dog"]).values()
    images = model.sampler.sample([cat] * 3, (5, 6, 7))
    assert torch.equal(model.sampler.sample([cat] * 3, (7, 6, 5)), images.flip(0))
    assert torch.equal(model.sampler.sample([cat] * 3, (5, 8, 9))[0], images[0])
    assert not torch.equal(model.sampler.sample([dog] * 3, (5, 6, 7))[0], images[0])
    assert model.sampler.applied()["size"] == 32
    with pytest.raises(ValueError, match="one prompt"):
        model.sampler.sample([cat, dog], (5, 6))


def test_settings_and_further_arguments_reach_the_pipeline(folder_of: Folders) -> None:
    name = str(folder_of("ZImagePipeline"))

    def images(**fields: Any) -> np.ndarray:
        return generate(name, resolve_sampling(Sampling(**{"steps": STEPS, "size": 32, **fields}), find_model(name)))[0]

    usual = images()
    for changed in ({"cfg": 2.0}, {"negative": "a dog"}, {"steps": 3}, {"arguments": {"cfg_normalization": True}}):
        assert not np.array_equal(images(**changed), usual), changed
    assert images(size=64).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("name", ["ZImagePipeline", "PixArtSigmaPipeline"])
def test_a_setting_that_the_pipeline_refuses_is_a_one_line_error(name: str, folder_of: Folders) -> None:
    folder = str(folder_of(name))
    with pytest.raises(DataError, match=rf"{name} refuses the settings: .*ivisible") as error:
        generate(folder, resolve_sampling(Sampling(steps=STEPS, size=33), find_model(folder)))
    assert "\n" not in str(error.value)


def test_prompts_that_are_truncated_are_counted(folder_of: Folders) -> None:
    name = str(folder_of("PixArtSigmaPipeline"))
    sampling = resolve_sampling(Sampling(steps=STEPS, size=32), find_model(name))
    encoder = PromptEncoder(name, Numerics(), sampling=sampling)
    for prompt, names in (("a " * 200, []), ("a " * 400, ["tokenizer"])):
        encoder.encode(prompt)
        assert encoder.too_long(prompt) == names


def test_each_half_has_only_its_own_weights(folder_of: Folders) -> None:
    name = str(folder_of("PixArtSigmaPipeline"))
    sampling = resolve_sampling(Sampling(steps=STEPS, size=32), find_model(name))
    encoder = PromptEncoder(name, Numerics(), sampling=sampling)
    sampler = DiffusersSampler(name, sampling, Numerics())
    halves = (encoder.stages[0].pipeline, sampler.pipeline)
    stubs = [
        {part for part in ("text_encoder", "transformer", "vae") if is_stub(getattr(pipeline, part))}
        for pipeline in halves
    ]
    assert stubs == [{"transformer", "vae"}, {"text_encoder"}]
    assert encoder.bytes == sum(weight.nbytes for weight in halves[0].text_encoder.parameters())
    with sampler.in_main_memory():
        assert sampler.pipeline.device.type == "cpu"


def test_a_pipeline_that_needs_its_text_encoder_elsewhere_is_a_one_line_error(
    folder_of: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(folder_of("PixArtSigmaPipeline"))
    sampling = resolve_sampling(Sampling(steps=STEPS, size=32), find_model(name))
    model = TextToImage(name, sampling, Numerics())
    (record,) = model.encode([PROMPT]).values()
    pipeline = model.sampler.pipeline
    monkeypatch.setattr(pipeline.vae, "decode", lambda *_, **__: pipeline.text_encoder(1))
    with pytest.raises(DataError, match=r"does not work without its text encoders \(text_encoder\)") as error:
        model.sampler.sample([record], (1,))
    assert "\n" not in str(error.value)


def generate(name: str, sampling: Sampling) -> tuple[np.ndarray, bool]:
    """Return the images of a stored record, or of a whole pipeline, and whether they are made at once."""
    numerics = Numerics()
    if find_model(name).kind.whole:
        model = TextToImage(name, sampling, numerics)
        record = model.encode([PROMPT])[PROMPT]
        return np.asarray(model.sampler.sample([record] * len(SEEDS), SEEDS)), read_form(record)[1]
    encoder = PromptEncoder(name, numerics, sampling=sampling)
    with tempfile.TemporaryDirectory() as folder:
        save_embeddings({0: encoder.encode("a dog"), 1: encoder.encode(PROMPT)}, {}, Path(folder))
        record = StoredEmbeddings([Path(folder) / FILE]).load(1)
    images = DiffusersSampler(name, sampling, numerics).sample([record] * len(SEEDS), SEEDS)
    return np.asarray(images), read_form(record)[1]


def reference_images(folder: Path, other: Other, several: bool) -> np.ndarray:
    pipeline = load_pipeline(folder)
    arguments = {
        "prompt": PROMPT,
        "num_inference_steps": STEPS,
        "height": other.size,
        "width": other.size,
        "output_type": "pil",
        **other.guided,
        **other.call,
    }
    if several:
        generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
        images = pipeline(**arguments, generator=generators, num_images_per_prompt=len(SEEDS))[0]
    else:
        images = [
            image for seed in SEEDS for image in pipeline(**arguments, generator=torch.Generator().manual_seed(seed))[0]
        ]
    pixels = np.stack([np.asarray(image) for image in images])
    return pixels if pixels.dtype == np.uint8 else np.round(pixels * np.float32(255)).astype(np.uint8)
