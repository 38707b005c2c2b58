"""Operations of the table of models against counts of the real architectures and of tiny pipelines."""

from __future__ import annotations

import pytest
from benchmarks.operations import count, operations_of
from benchmarks.peak_memory import build_sampler, largest_embedding

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import prompts_work, reconstruction_work, sampling_work, tuning_work
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import Numerics

NUMERICS = Numerics(device="cuda", dtype="float16")


def flops(name: str, sampling: Sampling, images: int = 1, numerics: Numerics = NUMERICS) -> float:
    work = sampling_work(name, sampling, images, numerics)
    assert work is not None
    return sum(work.flops.values())


def launches(name: str, sampling: Sampling, images: int) -> float:
    work = sampling_work(name, sampling, images, NUMERICS)
    assert work is not None
    return work.launches


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd-1.5", "sana-1.6b", "sd3-medium"])
def test_rows_are_near_the_counted_operations(name: str) -> None:
    model = MODELS[name]
    assert model.operations is not None
    again = operations_of(model)
    for name in ("row", "pixel", "decoded"):
        assert getattr(again, name) == pytest.approx(getattr(model.operations, name), rel=0.01)
    for name in ("launches", "decoding_launches"):
        assert getattr(again, name) == pytest.approx(getattr(model.operations, name), rel=0.05)


@pytest.mark.slow
def test_prediction_is_near_the_count_for_another_size_and_several_images() -> None:
    model = MODELS["sd-1.5"]
    sampling = resolve_sampling(Sampling(steps=3, cfg=2.0, size=640), model)
    sampler = build_sampler(model, sampling)
    counted, kernels = count(sampler, largest_embedding(sampler), sampling, 2)
    assert flops("sd-1.5", sampling, 2) == pytest.approx(counted, rel=0.01)
    assert launches("sd-1.5", sampling, 2) == pytest.approx(kernels, rel=0.1)


def test_operations_grow_with_images_steps_and_guidance_and_kernels_do_not_grow_with_images() -> None:
    plain = Sampling(steps=10, cfg=1.0, size=512)
    more = plain.model_copy(update={"steps": 20})
    guided = plain.model_copy(update={"cfg": 2.0})
    once = flops("sd-1.5", plain)
    decoding = 2 * once - flops("sd-1.5", more)
    assert once - decoding == pytest.approx(10 * 0.803e12, rel=0.01)  # 0.8 TFLOP for one call of the UNet
    assert flops("sd-1.5", plain, 8) == pytest.approx(8 * once)
    assert flops("sd-1.5", guided) == pytest.approx(2 * once - decoding)
    assert launches("sd-1.5", plain, 4) == launches("sd-1.5", plain, 1) == launches("sd-1.5", guided, 1)
    assert launches("sd-1.5", more, 1) > 1.8 * launches("sd-1.5", plain, 1)
    assert launches("lumina-2.0", guided, 1) > 1.8 * launches("lumina-2.0", plain, 1)  # called twice
    truncated = guided.model_copy(update={"cfg_trunc_ratio": 0.25})
    assert launches("lumina-2.0", plain, 1) < launches("lumina-2.0", truncated, 1) < launches("lumina-2.0", guided, 1)


def test_the_vae_of_sdxl_computes_in_float32() -> None:
    work = sampling_work("sdxl", Sampling(steps=1, cfg=1.0, size=1024), 1, NUMERICS)
    assert work is not None
    assert work.flops == {"16-bit": pytest.approx(6.73e12, rel=0.01), "float32": pytest.approx(10.5e12, rel=0.01)}


def test_prompts_and_reconstructions() -> None:
    prompts = prompts_work("sd3.5-medium", 10, NUMERICS)
    assert prompts is not None
    assert prompts.launches == 10_000
    assert prompts.flops == {"16-bit": pytest.approx(10 * 2 * 5.58e9 * 256)}
    reconstruction = reconstruction_work("sdxl@0123", 256, 2, NUMERICS)
    assert reconstruction is not None
    assert reconstruction.flops == {"float32": pytest.approx(2 * 1.5 * 0.62e12, rel=0.02)}
    assert sampling_work("owner/name", Sampling(size=512), 1, NUMERICS) is None
    assert sampling_work("pocket-base", Sampling(size=32), 1, NUMERICS) is None
    assert prompts_work("owner/name", 1, NUMERICS) is None
    assert reconstruction_work("owner/name", 256, 1, NUMERICS) is None


def test_all_models_with_a_footprint_have_operations() -> None:
    assert all((model.operations is None) == (model.footprint is None) for model in MODELS.values())


def test_training_takes_twice_the_operations_of_the_predictions() -> None:
    """Of one denoising step without decoding, for each image; the gradient takes as many as the prediction."""
    numerics = Numerics(device="cuda", dtype="bfloat16")
    work = tuning_work("sdxl", None, images=8, calls=2, numerics=numerics)
    twice, once = (sampling_work("sdxl", Sampling(steps=n, cfg=1.0, size=1024), 8, numerics) for n in (2, 1))
    assert work is not None
    assert twice is not None
    assert once is not None
    one_step = sum(twice.flops.values()) - sum(once.flops.values())
    assert sum(work.flops.values()) == pytest.approx(2 * one_step)
    assert work.launches == pytest.approx(4 * (twice.launches - once.launches))
    smaller = tuning_work("sdxl", 512, images=8, calls=2, numerics=numerics)
    assert smaller is not None
    assert sum(smaller.flops.values()) < sum(work.flops.values())
    assert tuning_work("pocket-base", None, 8, 2, numerics) is None
