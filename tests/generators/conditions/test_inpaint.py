"""Inpainting equals the call of diffusers' own pipeline, and keeps the pixels of the other part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.generators.conditions.own_calls import REAL, SIZE, Conditioned, differs_at_most, own_images
from tests.generators.reference_pipelines import NEGATIVE
from tests.generators.tiny_others import OTHERS, build_other

from prettyuseful.data.images import to_square
from prettyuseful.generators.conditions.inpaint import Inpainting
from prettyuseful.generators.conditions.masks import foreground

slow = pytest.mark.slow
SQUARES = [to_square(Image.fromarray(real), SIZE) for real in REAL]


@pytest.mark.parametrize("kind", ["sd", *(pytest.param(kind, marks=slow) for kind in ("sdxl", "qwen-image"))])
def test_images_equal_those_of_the_pipeline(kind: str, tiny: Callable[[str], Path]) -> None:
    condition = Inpainting(foreground="centre", strength=0.8)
    conditioned = Conditioned(str(tiny(kind)), condition, cfg=4.0, negative=NEGATIVE)
    guidance = "true_cfg_scale" if kind == "qwen-image" else "guidance_scale"
    arguments = {guidance: 4.0, "negative_prompt": NEGATIVE}
    own = own_images(str(tiny(kind)), conditioned.model.kind.pipelines[0], condition, arguments)
    completed = condition.complete(torch.from_numpy(own), SQUARES)
    assert differs_at_most(conditioned.images(), np.asarray(completed)) <= 1


@pytest.mark.parametrize("repaint", ["background", "foreground"])
def test_the_other_part_keeps_its_pixels(repaint: str, tiny: Callable[[str], Path]) -> None:
    condition = Inpainting.model_validate({"repaint": repaint, "foreground": "centre"})
    images = Conditioned(str(tiny("sd")), condition, cfg=1.0).images()
    for image, square in zip(images, SQUARES, strict=True):
        front = foreground(square, "centre")
        kept = front if repaint == "background" else ~front
        assert np.array_equal(image[kept], square[kept])
        assert np.abs(image[~kept].astype(int) - square[~kept]).mean() > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["StableDiffusionPAGPipeline", "ZImagePipeline", "Flux2KleinPipeline", "IFPipeline"])
def test_images_of_pipelines_without_a_row_equal_those_of_the_pipeline(name: str, tmp_path: Path) -> None:
    condition, other = Inpainting(foreground="centre"), OTHERS[name]
    folder = str(build_other(name, tmp_path / "model"))
    conditioned = Conditioned(folder, condition, other.size, **other.sampling)
    arguments = {**other.guided, **other.call}
    own = own_images(folder, conditioned.model.kind.pipelines[0], condition, arguments, other.size)
    squares = [to_square(Image.fromarray(real), other.size) for real in REAL]
    assert np.array_equal(conditioned.images(), np.asarray(condition.complete(torch.from_numpy(own), squares)))
