"""How the denoiser of each family is trained: what it predicts from noisy latents, and the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """A batch of training: latents (N, C, h, w) as the denoiser sees them without noise, noise of the same shape, a
    number between 0 and 1 for each image that its noise level follows from, and the embeddings of its prompt.

    `size`: height and width of the images in pixels.
    """

    latents: torch.Tensor
    noise: torch.Tensor
    levels: torch.Tensor
    embeddings: Mapping[str, torch.Tensor]
    size: int

    def __len__(self) -> int:
        return len(self.latents)

    def to(self, device: str) -> Batch:
        """Return the batch on a device."""
        return self._map(lambda tensor: tensor.to(device))

    def split(self, count: int) -> Iterator[Batch]:
        """Yield parts of at most `count` images."""
        for first in range(0, len(self), count):
            yield self._part(slice(first, first + count))

    def _part(self, part: slice) -> Batch:
        return self._map(lambda tensor: tensor[part])

    def _map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        embeddings = {name: function(tensor) for name, tensor in self.embeddings.items()}
        return Batch(function(self.latents), function(self.noise), function(self.levels), embeddings, self.size)


@dataclass(frozen=True)
class TunedFamily:
    """A family whose denoiser can be trained.

    Attributes:
        targets: names of the layers that get LoRA weights, as in the recipes of diffusers.
        loss: the mean squared error of the prediction for a batch, given the pipeline with the scheduler of training.
        scheduler: the class of diffusers that adds noise in training; empty if that of the model does.
        multiple: pixels of which height and width of images are a multiple.
    """

    targets: tuple[str, ...]
    loss: Callable[[Any, Batch], torch.Tensor]
    scheduler: str = ""
    multiple: int = 8

    def use_scheduler(self, pipeline: Any) -> None:
        """Give the pipeline the scheduler of training, with the configuration of its own."""
        import diffusers

        if self.scheduler:
            pipeline.scheduler = getattr(diffusers, self.scheduler).from_config(pipeline.scheduler.config)


def _noise_prediction(pipeline: Any, batch: Batch) -> torch.Tensor:
    """Diffusion: the U-Net predicts the noise or, depending on its scheduler, the velocity (v-prediction)."""
    import torch

    scheduler = pipeline.scheduler
    steps = int(scheduler.config.num_train_timesteps)
    times = (batch.levels * steps).long().clamp(max=steps - 1)
    noisy = scheduler.add_noise(batch.latents, batch.noise, times)
    if scheduler.config.prediction_type == "v_prediction":
        target = scheduler.get_velocity(batch.latents, batch.noise, times)
    else:
        target = batch.noise
    conditions: dict[str, torch.Tensor] = {}
    if "pooled_prompt_embeds" in batch.embeddings:  # SDXL knows the size and the crop of an image
        whole = [batch.size, batch.size, 0, 0, batch.size, batch.size]
        sizes = torch.tensor([whole] * len(noisy), dtype=noisy.dtype, device=noisy.device)
        conditions = {"text_embeds": batch.embeddings["pooled_prompt_embeds"], "time_ids": sizes}
    predicted = pipeline.unet(
        noisy, times, batch.embeddings["prompt_embeds"], added_cond_kwargs=conditions, return_dict=False
    )[0]
    return torch.nn.functional.mse_loss(predicted.float(), target.float())


def _flow_matching(pipeline: Any, batch: Batch) -> torch.Tensor:
    """Flow matching: the transformer predicts the direction from image to noise, at noise levels drawn as logit-normal
    numbers (Esser et al. 2024)."""
    import torch

    sigmas = torch.special.ndtri(batch.levels.clamp(1e-4, 1 - 1e-4)).sigmoid()[:, None, None, None]
    noisy = (1 - sigmas) * batch.latents + sigmas * batch.noise
    predicted = pipeline.transformer(
        hidden_states=noisy,
        timestep=sigmas.flatten() * pipeline.scheduler.config.num_train_timesteps,
        encoder_hidden_states=batch.embeddings["prompt_embeds"],
        pooled_projections=batch.embeddings["pooled_prompt_embeds"],
        return_dict=False,
    )[0]
    return torch.nn.functional.mse_loss(predicted.float(), (batch.noise - batch.latents).float())


_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_JOINT = ("attn.add_k_proj", "attn.add_q_proj", "attn.add_v_proj", "attn.to_add_out")
TUNED: Mapping[str, TunedFamily] = {
    "sd": TunedFamily(_ATTENTION, _noise_prediction, "DDPMScheduler"),
    "sdxl": TunedFamily(_ATTENTION, _noise_prediction, "DDPMScheduler"),
    "sd3": TunedFamily((*(f"attn.{name}" for name in _ATTENTION), *_JOINT), _flow_matching, multiple=16),
}
"""The families that can be tuned, by their names in `generators.families`."""
