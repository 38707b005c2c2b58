"""The VAE of any pipeline, loaded alone: images to latents and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from prettyuseful.generators.loading import load_parts
from prettyuseful.generators.models import Model
from prettyuseful.numerics import Numerics

_PIXELS, _MOST = 2**18, 8  # in one batch: four images of 256 x 256, or eight small ones


class Autoencoder:
    """Encoder and decoder of a model, in float32.

    The last bits of a network's output depend on the number of images in a batch, but not on which they are: so the
    number depends on the size of the images alone, and the last batch is filled up.

    Raises:
        DataError: the model cannot be loaded.
    """

    def __init__(self, model: Model, numerics: Numerics) -> None:
        family = model.kind
        others = [part for part in (*family.text, *family.image) if part != "vae"]
        # Some VAEs overflow in float16, and the question is what the VAE loses, not the number format.
        pipeline = load_parts(model.source, family, others, numerics.model_copy(update={"dtype": "float32"}))
        self.vae, self.factor = pipeline.vae.to(numerics.device).eval(), int(pipeline.vae_scale_factor)
        self.films = any(weight.dim() == 5 for weight in self.vae.parameters())  # Qwen-Image's takes films

    def apply(self, images: np.ndarray) -> np.ndarray:
        count, height, width, _ = images.shape
        batch = max(1, min(_MOST, _PIXELS // (height * width)))
        filled = np.arange(0, count + -count % batch).clip(max=count - 1).reshape(-1, batch)
        return np.concatenate([self._coded(images[rows]) for rows in filled])[:count]

    @torch.inference_mode()
    def _coded(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        # Encoders cut or pad sides that are no multiple of their factor, each in its own way.
        missing = [(0, 0), (0, -height % self.factor), (0, -width % self.factor), (0, 0)]
        padded = torch.from_numpy(np.pad(images, missing, mode="reflect")).to(self.vae.device)
        pixels = padded.permute(0, 3, 1, 2).float() / 127.5 - 1
        decoded = self._decode(self._encode(pixels))[:, :, :height, :width]
        return np.asarray(decoded.add(1).mul(127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu())

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in -1 to 1 to latents as the VAE has them: scaling is between it and the denoiser."""
        encoded: Any = self.vae.encode(pixels[:, :, None] if self.films else pixels)
        latents: torch.Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latent
        return latents

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        decoded: torch.Tensor = self.vae.decode(latents).sample
        return decoded[:, :, 0] if self.films else decoded
