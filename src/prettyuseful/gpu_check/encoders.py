"""Encoders on the device: features equal to those of a CPU, and speed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.timm_models import TimmModel
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line, not_measured
from prettyuseful.numerics import Numerics

_ENCODERS, _TINY_ENCODERS = ("resnet50", "vit_base_patch16_224"), ("resnet10t",)
_IMAGES, _COMPARED, _SIDE = 512, 16, 256
_THREADS = 4  # that preprocess images
_ERROR = 1e-3  # largest difference, relative to the largest feature; metrics compute in float32 and not in TF32


def check_encoders(context: Context) -> Iterator[Line]:
    """Compare features of random networks with those of the CPU, and measure images per second."""
    kind = context.device.kind
    count = _COMPARED if context.tiny else _IMAGES
    images = np.random.default_rng(0).integers(256, size=(count, _SIDE, _SIDE, 3), dtype=np.uint8)
    pixels = Pixels.from_array(images, np.zeros(count, np.int64), np.arange(count).astype(str))
    few = pixels.take(np.arange(_COMPARED))
    for name in _TINY_ENCODERS if context.tiny else _ENCODERS:
        if not context.has_time():
            yield not_measured(f"encoder {name}", "out of time")
            continue
        threads = 1 if context.tiny else _THREADS
        numerics, cpu = Numerics(device=kind, threads=threads), Numerics(threads=threads)
        numerics.apply()
        # Nothing is downloaded: without weights, the network is random, with the same values on both devices.
        encoder, reference = (TimmModel(name, None, chosen, lambda _: None) for chosen in (numerics, cpu))  # type: ignore[arg-type, return-value]
        expected = reference.features(few)
        error = float(np.abs(encoder.features(few) - expected).max() / np.abs(expected).max())
        yield Line(f"encoder {name}: difference from the CPU", error, "", "at most", _ERROR)
        seconds = context.device.seconds(lambda encoder=encoder: encoder.features(pixels))  # type: ignore[misc]
        yield Line(f"encoder {name}", count / seconds, "images/s")
        context.device.release()
