"""Measure captioning and depth maps in batches against one image at a time: `python -m benchmarks.batches`.

The models are tiny, with random weights and the code of real ones, on one CPU thread. There, a batch saves the calls of
many small operators; on a GPU it also saves reading the weights for each image. Both run in turns; the median counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import torch
from PIL import Image
from tests.tiny_vision_language import save_llava
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners import vision_language
from prettyuseful.prompts.captioners.base import Picture
from prettyuseful.prompts.captioners.vision_language import VisionLanguageCaptioner
from prettyuseful.transforms import depth

IMAGES, TURNS, TOKENS, SIZE = 96, 5, 32, 64


def save_depth_model(folder: Path) -> Path:
    backbone = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    neck = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16, "reassemble_factors": [4, 2, 1, 0.5]}
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=32, head_hidden_size=8, **neck
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(size={"height": 56, "width": 56}, ensure_multiple_of=14).save_pretrained(folder)
    return folder


def rates(work: Callable[[], object], module: object, name: str) -> tuple[float, float]:
    """Return images per second one at a time and in batches."""
    seconds: dict[int, list[float]] = {1: [], 8: []}
    work()
    for _ in range(TURNS):
        for size, times in seconds.items():
            with mock.patch.object(module, name, size):
                started = time.perf_counter()
                work()
                times.append(time.perf_counter() - started)
    return IMAGES / median(seconds[1]), IMAGES / median(seconds[8])


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    pictures = [Picture(Image.fromarray(image), "cat", f"{number}.png") for number, image in enumerate(pixels)]
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(vision_language, "clean_caption", str):
        model = save_llava(Path(folder) / "captions", [f"w{i}" for i in range(40)])
        captioner = VisionLanguageCaptioner(str(model), "w1 w2", TOKENS, SIZE, Numerics())
        depth_map = depth.DepthMap(str(save_depth_model(Path(folder) / "depth")), Numerics())
        for name, work, module, size in (
            ("captions", lambda: captioner.captions(pictures), vision_language, "CAPTIONS_AT_ONCE"),
            ("depth maps", lambda: depth_map.apply(pixels), depth, "_BATCH"),
        ):
            alone, together = rates(work, module, size)
            print(
                f"{name}: {alone:.1f} images/s one at a time, {together:.1f} in batches ({together / alone:.1f} times)"
            )


if __name__ == "__main__":
    main()
