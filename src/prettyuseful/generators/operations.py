"""Counted operations of generation with the real architectures.

The numbers come from `benchmarks/operations.py`, which runs the pipelines without weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.cards import Work, number_format
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.footprint import DECODED_PIXELS, Footprint
from prettyuseful.numerics import DType, Numerics

_LAUNCHES = 1000
"""Assumed kernels for encoding a prompt, which is encoded alone."""


@dataclass(frozen=True)
class Operations:
    """The operations of a text-to-image model: floating-point operations, and kernels.

    Attributes:
        row: of one call of the denoiser, for each row of its batch, that do not depend on the size of the image.
        pixel, pair: the same for each pixel of the image, and for each pair of pixels, by attention.
        decoded, decoded_pair: of the VAE for each image, per pixel and per pair of pixels.
        launches: kernels for each denoising step.
        decoding_launches: kernels for each slice of images that the VAE decodes.
    """

    row: float
    pixel: float
    pair: float
    decoded: float
    decoded_pair: float
    launches: int
    decoding_launches: int

    def sampling(self, footprint: Footprint, sampling: Sampling, size: int, images: int, numerics: Numerics) -> Work:
        """Return the operations of sampling `images` images of `size` x `size` pixels at once."""
        pixels, steps, guided = size**2, sampling.steps or 1, 0.0
        if (sampling.cfg or 1) > 1:
            guided = sampling.cfg_trunc_ratio or 1.0  # share of the steps
        calls = steps if footprint.joins_guidance else steps * (1 + guided)
        denoising = images * steps * (1 + guided) * (self.row + pixels * self.pixel + pixels**2 * self.pair)
        decoding = images * (pixels * self.decoded + pixels**2 * self.decoded_pair)
        slices = -(-images // max(1, DECODED_PIXELS // pixels))
        work = Work("generator", calls * self.launches, {number_format(numerics.dtype, numerics): denoising})
        decoder: DType = "float32" if footprint.decodes_in_float32 else numerics.dtype
        flops = {number_format(decoder, numerics): decoding}
        return work.plus(Work("generator", slices * self.decoding_launches, flops))

    def training(self, size: int, images: float, calls: float, numerics: Numerics) -> Work:
        """Return the operations of training LoRA weights on `images` images in `calls` steps of the optimiser.

        The gradient passes through layers whose weights stay as they are: it takes as many operations as the
        prediction. Latents are computed once.
        """
        pixels = size**2
        flops = 2 * images * (self.row + pixels * self.pixel + pixels**2 * self.pair)
        return Work("generator", 2 * calls * self.launches, {number_format(numerics.dtype, numerics): flops})

    def reconstruction(self, size: int, images: float, numerics: Numerics) -> Work:
        """Return the operations of decoding images in float32, and of encoding, which has about half of them."""
        flops = 1.5 * images * (size**2 * self.decoded + size**4 * self.decoded_pair)
        return Work("generator", 1.5 * images * self.decoding_launches, {number_format("float32", numerics): flops})


def encoding_work(footprint: Footprint, tokens: int, prompts: float, numerics: Numerics) -> Work:
    """Return the operations of encoding prompts: a multiplication and an addition for each weight and token."""
    weights = footprint.text / 2  # numbers of 2 bytes
    return Work(
        "generator", prompts * _LAUNCHES, {number_format(numerics.dtype, numerics): 2 * weights * tokens * prompts}
    )
