"""The losses: a denoiser that predicts exactly what it should has none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from prettyuseful.generators.families import FAMILIES
from prettyuseful.tuning.families import TUNED, Batch

SHAPE = (3, 4, 8, 8)


def batch(**embeddings: torch.Tensor) -> Batch:
    draws = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(SHAPE, generator=draws), torch.randn(SHAPE, generator=draws)
    return Batch(
        latents, noise, torch.tensor([0.0, 0.5, 1.0]), {"prompt_embeds": torch.zeros(3, 2, 5), **embeddings}, 64
    )


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_unet_is_compared_with_noise_or_velocity(prediction: str) -> None:
    data, scheduler = batch(), DDPMScheduler(prediction_type=prediction)
    times = torch.tensor([0, 500, 999])
    velocity = scheduler.get_velocity(data.latents, data.noise, times)
    target, other = (data.noise, velocity) if prediction == "epsilon" else (velocity, data.noise)
    seen: dict[str, Any] = {}

    def unet(noisy: torch.Tensor, steps: torch.Tensor, embeddings: torch.Tensor, **more: Any) -> tuple[torch.Tensor]:
        seen.update(noisy=noisy, steps=steps, more=more)
        assert embeddings.shape == (3, 2, 5)
        return (seen["answer"],)

    pipeline = SimpleNamespace(scheduler=scheduler, unet=unet)
    seen["answer"] = target
    assert TUNED["sd"].loss(pipeline, data) == 0
    assert torch.equal(seen["steps"], times)
    assert torch.equal(seen["noisy"], scheduler.add_noise(data.latents, data.noise, times))
    seen["answer"] = other
    assert TUNED["sd"].loss(pipeline, data) > 0.1


def test_sdxl_gets_the_size_of_its_images() -> None:
    data = batch(pooled_prompt_embeds=torch.ones(3, 7))

    def unet(*_: Any, added_cond_kwargs: dict[str, torch.Tensor], **__: Any) -> tuple[torch.Tensor]:
        assert torch.equal(added_cond_kwargs["time_ids"], torch.tensor([[64, 64, 0, 0, 64, 64]] * 3))
        assert added_cond_kwargs["text_embeds"].shape == (3, 7)
        return (data.noise,)

    assert TUNED["sdxl"].loss(SimpleNamespace(scheduler=DDPMScheduler(), unet=unet), data) == 0


def test_a_transformer_is_compared_with_the_direction_to_the_noise() -> None:
    data, scheduler = batch(pooled_prompt_embeds=torch.ones(3, 7)), FlowMatchEulerDiscreteScheduler()

    def transformer(hidden_states: torch.Tensor, timestep: torch.Tensor, **_: Any) -> tuple[torch.Tensor]:
        sigmas = (timestep / 1000)[:, None, None, None]
        assert timestep[0] < timestep[1] < timestep[2]
        assert torch.allclose(sigmas[1], torch.tensor(0.5))  # the median of a logit-normal number
        assert torch.allclose(hidden_states, (1 - sigmas) * data.latents + sigmas * data.noise)
        return (data.noise - data.latents,)

    assert TUNED["sd3"].loss(SimpleNamespace(scheduler=scheduler, transformer=transformer), data) == 0


def test_rows_are_families() -> None:
    assert TUNED.keys() <= FAMILIES.keys()
