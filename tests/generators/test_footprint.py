"""Predicted memory of generation: of the models of the table, and against counted tensors of tiny pipelines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.peak_memory import count, footprint_of, on_meta
from benchmarks.tuning_memory import Trained
from PIL import Image
from tests.generators.reference_pipelines import KINDS, REFINED, load_embeddings, load_pipeline, settings

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import choice_of
from prettyuseful.generators.conditions.image import ImageToImage
from prettyuseful.generators.conditions.inpaint import Inpainting
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.footprint import DECODED_PIXELS, Footprint
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.models import encoding_memory, sampling_memory
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics
from prettyuseful.tensor_memory import CountedTensors
from prettyuseful.tuning.loop import TrainingImages, Tuning
from prettyuseful.tuning.plan import TuneSettings

COUNTED = [model for model in MODELS.values() if model.footprint]
CARDS = (24e9, 48e9, 80e9)
FAST = ("sd", "flux")


def test_the_models_of_the_paper_have_a_footprint() -> None:
    assert {model.id for model in PAPER} <= {model.id for model in COUNTED}


@pytest.mark.parametrize("model", COUNTED, ids=lambda model: model.id)
def test_the_default_micro_batch_fits_the_smallest_card_that_the_model_fits(model: Model) -> None:
    assert model.footprint is not None
    assert model.size is not None
    one, several = (model.footprint.sampling(model.vendor, model.size, n, model.dtype) for n in (1, model.micro_batch))
    card = next(card for card in CARDS if one < 0.95 * card)
    assert several <= card
    assert model.footprint.encoding(model.dtype) < 24e9


@pytest.mark.parametrize(
    "kind", [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_prediction_is_near_the_counted_tensors(kind: str, tiny_model_name: Callable[[str], str]) -> None:
    """The footprint is counted without memory, for few small images; the tensors on a CPU, for more and larger ones."""
    name, numerics = tiny_model_name(kind), Numerics()
    *sizes, size = (32, 64, 96) if kind == "sana" else (32, 48, 64)
    sampling = settings(name, cfg=4.0, negative="", steps=5 if kind == REFINED else 2)
    embedding = load_embeddings(name, sampling, numerics)
    on_cpu = DiffusersSampler(name, sampling, numerics)
    peaks = count(on_cpu, embedding, size, 8)
    sampler = on_meta(DiffusersSampler(name, sampling, numerics))
    footprint = footprint_of(sampler, {part: tensor.to("meta") for part, tensor in embedding.items()}, sizes)
    weights = 2 * (footprint.denoiser + footprint.vae)
    predicted = footprint.sampling(sampling, size, 8, "float32")
    assert predicted - weights == pytest.approx(max(peaks), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("sd", ImageToImage(strength=0.6)),
        ("sd", Inpainting()),
        ("sdxl", ImageToImage(strength=0.6)),
        ("sd3", ImageToImage(strength=0.6)),
        ("flux", ImageToImage(strength=0.6)),
    ],
)
def test_images_from_real_ones_need_as_much_memory_as_those_from_text_alone(
    kind: str, condition: AnyCondition, tiny_model_name: Callable[[str], str]
) -> None:
    name, numerics, (*sizes, size) = tiny_model_name(kind), Numerics(), (32, 48, 64)
    sampling = settings(name, cfg=4.0, negative="", steps=4)
    embedding = load_embeddings(name, sampling, numerics)
    peaks = count(DiffusersSampler(name, sampling, numerics, condition), embedding, size, 8)
    sampler = on_meta(DiffusersSampler(name, sampling, numerics))
    footprint = footprint_of(sampler, {part: tensor.to("meta") for part, tensor in embedding.items()}, sizes)
    predicted = footprint.sampling(sampling, size, 8, "float32") - footprint.weights(sampling, "float32")
    assert predicted == pytest.approx(max(peaks), rel=0.15)


def test_memory_grows_with_images_guidance_and_precision() -> None:
    footprint = Footprint(10e9, 0.2e9, 5e9, 0.1e9, 10e6, 200, 1500)
    guided, plain = Sampling(cfg=5), Sampling(cfg=1)

    def gigabytes(sampling: Sampling, size: int, images: int) -> float:
        return footprint.sampling(sampling, size, images, "bfloat16") / 1e9

    assert gigabytes(plain, 1024, 1) == pytest.approx(10.3 + 1.5 * DECODED_PIXELS / 1e6, abs=0.1)  # decoding
    assert gigabytes(plain, 1024, 50) - gigabytes(plain, 1024, 40) == pytest.approx(10 * 0.22, abs=0.01)  # denoising
    assert gigabytes(guided, 1024, 25) == pytest.approx(gigabytes(plain, 1024, 50))
    half = footprint.sampling(plain.model_copy(update={"quantise": "float8"}), 1024, 1, "bfloat16")
    assert half / 1e9 == pytest.approx(gigabytes(plain, 1024, 1) - 5)
    assert footprint.sampling(plain, 1024, 50, "float32") == pytest.approx(2e9 * gigabytes(plain, 1024, 50))
    largest = footprint.largest_batch(guided, 1024, "bfloat16", int(24e9))
    assert gigabytes(guided, 1024, largest) <= 24 < gigabytes(guided, 1024, largest + 1)
    assert footprint.largest_batch(guided, 1024, "bfloat16", int(10e9)) == 0


def test_images_that_are_resized_need_the_memory_of_the_native_size() -> None:
    resized = Sampling(size=512, resolution_binning=True)
    native = sampling_memory("pixart-alpha", Sampling(), 25, "float16")
    assert sampling_memory("pixart-alpha", resized, 25, "float16") == native
    assert sampling_memory("pixart-alpha", Sampling(size=512), 25, "float16") < native


def test_unknown_models_have_no_prediction() -> None:
    assert sampling_memory("pocket-base", Sampling(size=32), 25, "float32") == 0
    assert sampling_memory("owner/name", Sampling(size=512), 25, "float16") == 0
    assert encoding_memory("owner/name", "float16") == 0
    assert sampling_memory("flux.1-dev", Sampling(cfg=1), 1, "bfloat16") > 24e9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3"])
def test_the_prediction_of_a_tuning_is_near_the_counted_tensors(kind: str, tiny: Callable[[str], Path]) -> None:
    """The footprint is counted without memory, for few small images; the tensors of steps, for more and larger ones."""
    name, numerics = str(tiny(kind)), Numerics()
    settings = TuneSettings(batch_size=8, rank=4, size=64)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    images = TrainingImages(tuple(map(Image.fromarray, pixels)), ("a cat",) * 8)
    tuning = Tuning(choice_of(name), settings, images, 0, numerics)
    with CountedTensors() as counted:
        for _ in range(2):
            counted.reset_peak()
            tuning._step()
    embedding = tuning.embeddings["a cat"]
    trained = Trained(
        kind,
        lambda dtype: load_pipeline(tiny(kind), dtype),
        lambda dtype: {part: tensor.to(getattr(torch, dtype)) for part, tensor in embedding.items()},
        "cpu",
    )
    predicted = trained.footprint((32, 48)).training(64, 8, 4, "float32")
    weights = 4 * 4 * trained.lora
    assert predicted - weights == pytest.approx(counted.peak, rel=0.15)
