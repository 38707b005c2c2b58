"""Pipelines without a family: images from records equal those of the pipeline's own call."""

from __future__ import annotations

import importlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.cosmos import pipeline_cosmos2_text2image
from diffusers.pipelines.prx import pipeline_prx, pipeline_prx_pixel
from tests.generators.reference_pipelines import load_pipeline
from tests.generators.tiny_others import OTHERS, Other, build_other

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.models import find_model
from prettyuseful.generators.recording import read_form
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

PROMPT, SEEDS, STEPS = "a small red cat", (5, 2**62 + 1), 2


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
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


class _NoGuardrail(diffusers.ModelMixin, diffusers.ConfigMixin):
    config_name = "config.json"

    def __init__(self) -> None:
        super().__init__()
        self.none = torch.nn.Parameter(torch.zeros(1))

    def check_text_safety(self, _: str) -> bool:
        return True

    def check_video_safety(self, video: Any) -> Any:
        return video


@pytest.mark.parametrize("name", OTHERS)
def test_images_equal_those_of_the_pipeline(name: str, folder_of: Any) -> None:
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
    return np.stack([np.asarray(image) for image in images])
