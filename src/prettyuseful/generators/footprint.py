"""Predicts the largest memory of generation and of tuning from counted tensors of the real architectures.

The numbers come from `benchmarks/peak_memory.py` and `benchmarks/tuning_memory.py`, which run the pipelines without
weights and count their tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.generators.base import Sampling
from prettyuseful.numerics import DType

DECODED_PIXELS = 1 << 20
"""Pixels of the images that a VAE decodes at once: four images of 512 px, one of 1024 px. A VAE needs more memory for
an image than a denoiser. The slices are a part of the step's version, because they can change the last bits."""
KEPT = 12
"""Bytes per pixel of decoded images and their latents, while the last ones are decoded."""
_FINISHED = 30  # bytes per pixel while all decoded images are converted to 8 bits
_ENCODED_AT_ONCE = 8  # images, at most
_ENCODED = 0.84  # bytes that a VAE needs for encoding an image, relative to decoding it: 0.834 counted, 0.56 of Qwen's
_LORA_BYTES = 16  # for a LoRA weight in float32: with its gradient and the two moments of AdamW


@dataclass(frozen=True)
class TuningFootprint:
    """What determines the memory of training LoRA weights of a denoiser, besides the weights that stay as they are.

    What the backward pass needs grows linearly with the images of a step and with their pixels.

    Attributes:
        lora: number of LoRA weights of rank 1.
        row: bytes for each image, in bfloat16.
        pixel: bytes per pixel of each image, in bfloat16.
        wider: how many times as many bytes float32 takes: less than twice, because autocast keeps norms in float32.
    """

    lora: int
    row: float
    pixel: float
    wider: float

    def training(self, size: int, images: int, rank: int, dtype: DType) -> int:
        """Return the predicted bytes for a step of `images` images of `size` x `size` pixels at once."""
        wide = self.wider if dtype == "float32" else 1
        return round(_LORA_BYTES * self.lora * rank + wide * images * (self.row + self.pixel * size**2))


@dataclass(frozen=True)
class Footprint:
    """What determines the memory of a text-to-image model, for numbers of 2 bytes.

    The tensors of a denoiser grow linearly with the images of a micro-batch and with their pixels, because attention
    runs in kernels that never hold the matrix of all pairs.

    Attributes:
        denoiser, vae, text: bytes of the weights of the denoisers, the VAEs and the text encoders.
        fixed: bytes in denoising that do not depend on the number of images.
        row: bytes for each row of the denoiser's batch, such as the embedding of its prompt.
        pixel: bytes per pixel of the image for each row of the denoiser's batch.
        decoded: bytes per pixel of the images that the VAE decodes at once.
        joins_guidance: whether guidance doubles the rows of the denoiser's batch; otherwise it is called twice.
        decodes_in_float32: whether the VAE is converted to float32 for decoding.
        tuning: what determines the memory of tuning; None if it was not counted.
    """

    denoiser: float
    vae: float
    text: float
    fixed: float
    row: float
    pixel: float
    decoded: float
    joins_guidance: bool = True
    decodes_in_float32: bool = False
    tuning: TuningFootprint | None = None

    def weights(self, sampling: Sampling, dtype: DType) -> int:
        """Return the bytes of the weights of the denoisers and the VAEs."""
        wide = 2 if dtype == "float32" else 1
        return round(self.denoiser * (0.5 if sampling.quantise == "float8" else wide) + wide * self.vae)

    def sampling(self, sampling: Sampling, size: int, images: int, dtype: DType) -> int:
        """Return the predicted bytes for sampling `images` images of `size` x `size` pixels at once."""
        beside = max(self.denoising(sampling, size, images, dtype), self.decoding(size, images, dtype))
        return self.weights(sampling, dtype) + beside

    def denoising(self, sampling: Sampling, size: int, images: int, dtype: DType) -> int:
        """Return the predicted bytes for denoising, besides the weights."""
        wide = 2 if dtype == "float32" else 1
        is_guided = (sampling.cfg or 1) > 1
        rows = images * (2 if is_guided and self.joins_guidance else 1)
        return round(wide * (self.fixed + rows * (self.row + self.pixel * size**2)))

    def decoding(self, size: int, images: int, dtype: DType) -> int:
        """Return the predicted bytes for decoding and for the finished images, besides the weights."""
        wide, pixels = 2 if dtype == "float32" else 1, size**2
        decoding_wide = 2 if self.decodes_in_float32 else wide
        decoded = min(images, max(1, DECODED_PIXELS // pixels)) * pixels
        converted = 2 * self.vae if self.decodes_in_float32 and wide == 1 else 0
        decoding = converted + wide * self.fixed + decoding_wide * decoded * self.decoded + images * pixels * KEPT
        finishing = images * pixels * _FINISHED
        return round(max(decoding, finishing))

    def encoding(self, dtype: DType) -> int:
        """Return the predicted bytes for encoding prompts, one at a time."""
        return round(self.text * (2 if dtype == "float32" else 1) * 1.03)

    def largest_batch(self, sampling: Sampling, size: int, dtype: DType, memory: int) -> int:
        """Return the largest number of images that fit into `memory` bytes at once; 0 if not even one fits."""
        fits = [n for n in range(1, 257) if self.sampling(sampling, size, n, dtype) <= memory]
        return max(fits, default=0)

    def tuning_peak(self, size: int, images: int, rank: int, dtype: DType, on_cpu: bool) -> int:
        """Return the predicted bytes at the peak of a tuning on `images` images of `size` x `size` pixels at once.

        Prompts are encoded first, then images by the VAE in float32, and then the denoiser is trained. Meanwhile the
        other parts of the model are freed or, on a GPU, in main memory.
        """
        assert self.tuning is not None
        denoiser = round((2 if dtype == "float32" else 1) * self.denoiser)
        latents = round(2 * (self.vae + _ENCODED * self.decoded * encoded_at_once(size) * size**2))
        training = denoiser + self.tuning.training(size, images, rank, dtype)
        return max(self.encoding(dtype), latents + (denoiser if on_cpu else 0), training)


def encoded_at_once(size: int) -> int:
    """Return how many images of `size` x `size` pixels the VAE encodes at once in a tuning."""
    return min(_ENCODED_AT_ONCE, max(1, DECODED_PIXELS // size**2))
