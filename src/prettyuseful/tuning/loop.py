"""Train LoRA weights of a denoiser on images and their prompts, after the recipes of diffusers.

Weights of the model stay as they are. Embeddings of prompts and latents of images are computed once, because neither
changes. On a CPU, a training that is interrupted ends with the same bytes as one that is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import StepFailedError
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.footprint import encoded_at_once
from prettyuseful.generators.loading import load_parts, native_size
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.memory import is_out_of_memory
from prettyuseful.numerics import Numerics
from prettyuseful.training.checkpoints import Checkpoints, State, is_like, resume, training_state
from prettyuseful.tuning.families import TUNED, Batch, TunedFamily
from prettyuseful.tuning.plan import TuneSettings, half_of

_WEIGHT_DECAY = 0.01  # of diffusers' recipes, as the rest here
_CLIP_NORM = 1.0
_FIXED_DRAWS = 32  # images, noise and noise levels on which the loss is measured before and after


@dataclass(frozen=True)
class TrainingImages:
    """Images of any size, and the prompt of each."""

    images: tuple[Image.Image, ...]
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """What a training left: the mean loss over fixed noise before and after it, and the loss of every step."""

    before: float
    after: float
    losses: tuple[float, ...]


def crop_to(image: Image.Image, size: int) -> np.ndarray:
    """Return the image with a short side of `size` pixels, cropped to a square at its centre: (S, S, 3) uint8."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    resized = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


class Tuning:
    """A training of LoRA weights.

    Args:
        choice: the model.
        settings: how it is trained.
        images: the training images.
        seed: of the initial weights and of all draws.
        numerics: of the model's weights; LoRA weights are float32.

    Raises:
        UserError: the model cannot be loaded.
    """

    def __init__(
        self, choice: GeneratorChoice, settings: TuneSettings, images: TrainingImages, seed: int, numerics: Numerics
    ) -> None:
        self.settings, self.numerics = settings, numerics
        model = choice.find()
        self.family: TunedFamily = TUNED[model.family]
        self.prompts = images.prompts
        self.embeddings = _encode(choice, images.prompts, numerics)
        kind = model.kind
        self.pipeline: Any = load_parts(model.source, kind, kind.text, numerics, single_file=choice.single_file)
        self.family.use_scheduler(self.pipeline)
        self.denoiser: Any = getattr(self.pipeline, kind.denoiser)
        self.size = settings.size or model.size or native_size(self.pipeline, kind)
        self.means, self.deviations = self._latents(np.stack([crop_to(image, self.size) for image in images.images]))
        self.denoiser.to(numerics.device)
        self.denoiser.requires_grad_(False)
        self.name = kind.denoiser
        torch.manual_seed(derive_seed("tuning", seed, "weights") % 2**63)
        targets = list(self.family.targets)
        config = LoraConfig(
            r=settings.rank, lora_alpha=settings.rank, init_lora_weights="gaussian", target_modules=targets
        )
        with capture_library_logs():
            self.denoiser.add_adapter(config)
        weights = [weight for weight in self.denoiser.parameters() if weight.requires_grad]
        for weight in weights:
            weight.data = weight.data.float()
        self.weights = torch.nn.ParameterList(weights)
        self.optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY)
        self.schedule = torch.optim.lr_scheduler.ConstantLR(self.optimiser, factor=1.0)
        self.draws = torch.Generator().manual_seed(derive_seed("tuning", seed, "draws"))
        self._fixed_seed = derive_seed("tuning", seed, "fixed")
        self.at_once = settings.batch_size  # images, less if the memory is too small

    def run(self, checkpoints: Checkpoints, progress: Callable[[float], None]) -> Tuned:
        """Train all steps, from the latest checkpoint on.

        Raises:
            StepFailedError: the loss is not finite.
        """
        before = self._fixed_loss()
        found = resume(
            checkpoints, self.weights, self.optimiser, self.schedule, {"draws": self.draws}, self._read_losses
        )
        done, losses = found or (0, [])
        for step in range(done + 1, self.settings.steps + 1):
            loss = self._step()
            if not math.isfinite(loss):
                raise StepFailedError(f"the loss is not finite in step {step} of {self.settings.steps}")
            losses.append(loss)
            if checkpoints.is_due():
                state = training_state(self.weights, self.optimiser, self.schedule, {"draws": self.draws})
                checkpoints.save(step, {**state, "losses": losses})
            progress(step / self.settings.steps)
        return Tuned(before, self._fixed_loss(), tuple(losses))

    def save(self, file: Path) -> None:
        """Write the LoRA weights in the format of diffusers."""
        state = get_peft_model_state_dict(self.denoiser)
        state = convert_state_dict_to_diffusers(state) if self.name == "unet" else state
        layers = {name: tensor.detach().float().cpu().contiguous() for name, tensor in state.items()}
        type(self.pipeline).save_lora_weights(
            file.parent, weight_name=file.name, **{f"{self.name}_lora_layers": layers}
        )

    def _step(self) -> float:
        count, size = len(self.prompts), self.settings.batch_size
        images = torch.randint(count, (size,), generator=self.draws)
        mirrored = torch.rand(size, generator=self.draws) < 0.5 if self.settings.flip else torch.zeros(size).bool()
        loss = self._mean_loss(self._batch(images, mirrored, self.draws), backward=True)
        torch.nn.utils.clip_grad_norm_(self.weights.parameters(), _CLIP_NORM)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return loss

    def _batch(self, images: torch.Tensor, mirrored: torch.Tensor, draws: torch.Generator) -> Batch:
        """Return some images, which may be mirrored, with noise and levels from `draws`, in main memory."""
        dtype = getattr(torch, self.numerics.dtype)
        number = images + mirrored.long() * len(self.prompts)
        shape = self.means[number].shape
        latents = self.means[number] + self.deviations[number] * torch.randn(shape, generator=draws)
        noise, levels = torch.randn(shape, generator=draws), torch.rand(len(images), generator=draws)
        prompts = [self.embeddings[self.prompts[image]] for image in images.tolist()]
        embeddings = {name: torch.cat([prompt[name] for prompt in prompts]) for name in prompts[0]}
        return Batch(latents.to(dtype), noise.to(dtype), levels, embeddings, self.size)

    def _mean_loss(self, batch: Batch, backward: bool) -> float:
        """Return the mean loss of a batch, and with `backward` add its gradients to those of the weights.

        If the memory of an accelerator is too small, the batch is divided: gradients are accumulated over its parts,
        which is the same arithmetic but for rounding. On a CPU, it is not, because rounding would change the bytes.
        """
        while True:
            try:
                return sum(self._part_loss(part, len(batch), backward) for part in batch.split(self.at_once))
            except Exception as error:
                if not is_out_of_memory(error) or self.numerics.device == "cpu" or self.at_once == 1:
                    raise
            # Outside the handler, so that the memory of the failed part is free.
            self.optimiser.zero_grad(set_to_none=True)
            self.at_once = half_of(self.at_once)

    def _part_loss(self, part: Batch, count: int, backward: bool) -> float:
        """Return the loss of a part of a batch of `count` images, as its share of the mean loss."""
        with self.numerics.autocast():
            loss = self.family.loss(self.pipeline, part.to(self.numerics.device)) * (len(part) / count)
        if backward:
            loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    @torch.no_grad()
    def _fixed_loss(self) -> float:
        """Return the mean loss over draws that are the same before and after the training."""
        draws = torch.Generator().manual_seed(self._fixed_seed)
        total, size = 0.0, self.settings.batch_size
        calls = max(1, _FIXED_DRAWS // size)
        for _ in range(calls):
            images = torch.randint(len(self.prompts), (size,), generator=draws)
            total += self._mean_loss(self._batch(images, torch.zeros(size).bool(), draws), backward=False)
        return total / calls

    @torch.no_grad()
    def _latents(self, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and standard deviations of the latents of all images, then of all mirrored images.

        They are on the CPU, shifted and scaled as the denoiser expects.
        """
        # In float32: the VAE of SDXL overflows in float16.
        with capture_library_logs():
            vae: Any = self.pipeline.vae.to(self.numerics.device, torch.float32)
        scale, shift = vae.config.scaling_factor, getattr(vae.config, "shift_factor", None) or 0.0
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        means, deviations = [], []
        for side in (images, images.flip(3)) if self.settings.flip else (images,):
            for part in torch.split(side, encoded_at_once(self.size)):
                values = part.to(self.numerics.device).float().div(127.5).sub(1)
                latents = vae.encode(values).latent_dist
                means.append(((latents.mean - shift) * scale).cpu())
                deviations.append((latents.std * scale).cpu())
        self.pipeline.vae = None  # it is not needed any more
        return torch.cat(means), torch.cat(deviations)

    def _read_losses(self, step: int, state: State) -> list[float]:
        """Return the losses in a checkpoint.

        Raises:
            StepFailedError: they are not those of the steps up to it.
        """
        losses: Any = state.get("losses")
        if not (0 < step <= self.settings.steps and is_like(losses, [0.0] * step)):
            raise StepFailedError("the losses of its steps are missing")
        return list(losses)


def _encode(choice: GeneratorChoice, prompts: Sequence[str], numerics: Numerics) -> dict[str, dict[str, torch.Tensor]]:
    """Return the embeddings of each different prompt, in main memory; the text encoders are freed."""
    encoder = PromptEncoder(choice, numerics)
    with capture_library_logs(), encoder.on_device():
        return {
            prompt: {name: tensor.cpu().clone() for name, tensor in encoder.encode(prompt).items()}
            for prompt in dict.fromkeys(prompts)
        }
