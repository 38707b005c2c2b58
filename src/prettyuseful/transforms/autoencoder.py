"""Load the VAE of any diffusers pipeline without the rest, and reconstruct images with it."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch

from prettyuseful.errors import DataError
from prettyuseful.generators.loading import load_parts
from prettyuseful.generators.model import Model
from prettyuseful.numerics import Numerics

_BATCH_PIXELS, _MAX_BATCH = 2**18, 8  # one batch: four images of 256 x 256, or eight small ones


class Autoencoder:
    """The VAE of a model, in float32.

    The batch size can change the last bits of a network's output. So it depends on the size of the images only, and the
    last batch is padded. Results are then independent of the number and order of the images.

    Raises:
        DataError: the model has no VAE, or cannot be loaded.
    """

    def __init__(self, model: Model, numerics: Numerics) -> None:
        family = model.kind
        if "vae" not in family.image:
            raise DataError(f"{model.id!r} has no VAE: its pipeline is a {family.pipelines[0]}; choose another model")
        others = [part for part in (*family.text, *family.image) if part not in ("", "vae")]
        # Some VAEs overflow in float16. The loss of the VAE is of interest, not the loss of the number format.
        pipeline = load_parts(model.source, family, others, numerics.model_copy(update={"dtype": "float32"}))
        self.vae, self.factor = pipeline.vae.to(numerics.device).eval(), int(pipeline.vae_scale_factor)
        self.takes_video = any(weight.dim() == 5 for weight in self.vae.parameters())  # Qwen-Image has a video VAE

    def apply(self, images: np.ndarray) -> np.ndarray:
        count, height, width, _ = images.shape
        batch = max(1, min(_MAX_BATCH, _BATCH_PIXELS // (height * width)))
        filled = np.arange(0, count + -count % batch).clip(max=count - 1).reshape(-1, batch)
        return np.concatenate([self._reconstruct(images[rows]) for rows in filled])[:count]

    @torch.inference_mode()
    def _reconstruct(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        # Encoders crop or pad sides that are not a multiple of their factor, each in a different way.
        missing = [(0, 0), (0, -height % self.factor), (0, -width % self.factor), (0, 0)]
        padded = torch.from_numpy(np.pad(images, missing, mode="reflect")).to(self.vae.device)
        pixels = padded.permute(0, 3, 1, 2).float() / 127.5 - 1
        decoded = self._decode(self._encode(pixels))[:, :, :height, :width]
        return np.asarray(decoded.add(1).mul(127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu())

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode (N, 3, H, W) images in -1 to 1 to unscaled latents."""
        encoded: Any = self.vae.encode(pixels[:, :, None] if self.takes_video else pixels)
        if hasattr(encoded, "latent_dist"):
            return cast("torch.Tensor", encoded.latent_dist.mode())
        # AutoencoderDC returns `latent`, AutoencoderTiny and VQModel return `latents`.
        return cast("torch.Tensor", encoded.latent if hasattr(encoded, "latent") else encoded.latents)

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        decoded: torch.Tensor = self.vae.decode(latents).sample
        return decoded[:, :, 0] if self.takes_video else decoded
