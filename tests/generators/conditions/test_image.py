"""Image-to-image equals the call of diffusers' own pipeline, and an image depends on its own real image alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.generators.conditions.own_calls import REAL, Conditioned, differs_at_most, own_images
from tests.generators.reference_pipelines import NEGATIVE, SEEDS, mean_difference
from tests.generators.tiny_others import OTHERS, build_other

from prettyuseful.data.images import to_square
from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.image import ImageToImage
from prettyuseful.generators.models import find_model

HALF = ImageToImage(strength=0.5)
GUIDED: dict[str, Any] = {"cfg": 4.0, "negative": NEGATIVE}
slow = pytest.mark.slow

Tiny = Callable[[str], Path]


@pytest.mark.parametrize("kind", ["sd", *(pytest.param(kind, marks=slow) for kind in ("sdxl", "sd3", "qwen-image"))])
def test_images_equal_those_of_the_pipeline(kind: str, tiny: Tiny) -> None:
    """Up to rounding: our images come from a batch of three."""
    conditioned = Conditioned(str(tiny(kind)), HALF, **GUIDED)
    guidance = "true_cfg_scale" if kind == "qwen-image" else "guidance_scale"
    class_name = conditioned.model.kind.pipelines[0]
    arguments = {guidance: 4.0, "negative_prompt": NEGATIVE}
    assert "Img2Img" in class_name
    assert differs_at_most(conditioned.images(), own_images(str(tiny(kind)), class_name, HALF, arguments)) <= 1


def test_an_image_depends_on_its_own_real_image_alone(tiny: Tiny) -> None:
    conditioned = Conditioned(str(tiny("sd")), HALF, **GUIDED)
    images = conditioned.images()
    assert np.array_equal(conditioned.images([REAL[1], REAL[1], REAL[0]], (3, SEEDS[1], 4))[1], images[1])
    assert mean_difference(conditioned.images([REAL[1], *REAL[1:]])[0], images[0]) > 1


def test_a_small_strength_keeps_the_real_image() -> None:
    """The VAE of the pocket models loses detail, so even the smallest strength does not give the image itself."""
    squares = np.stack([to_square(Image.fromarray(real), 32) for real in REAL])
    distances = [
        mean_difference(Conditioned("pocket-base", ImageToImage(strength=s), size=32, steps=10).images(), squares)
        for s in (0.1, 0.5, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 0.7 * distances[2]


def test_settings_in_effect_name_the_condition(tiny: Tiny) -> None:
    conditioned = Conditioned(str(tiny("sd")), ImageToImage(strength=0.5, sources=3), cfg=1.0)
    assert conditioned.whole.sampler.applied()["condition"] == {"kind": "image", "strength": 0.5}


RECORDED = (
    "KolorsPipeline",
    "StableDiffusionXLPAGPipeline",
    "LatentConsistencyModelPipeline",
    "ChromaPipeline",
    "ZImagePipeline",
    "IFPipeline",
    "Kandinsky3Pipeline",
    "KandinskyV22CombinedPipeline",
)


@pytest.mark.parametrize("name", ["StableDiffusionPAGPipeline", *(pytest.param(name, marks=slow) for name in RECORDED)])
def test_images_of_pipelines_without_a_row_equal_those_of_the_pipeline(name: str, tmp_path: Path) -> None:
    """They are made one by one, from prompts that are recorded without real images."""
    folder, other = str(build_other(name, tmp_path / "model")), OTHERS[name]
    conditioned = Conditioned(folder, HALF, other.size, **other.sampling)
    images = conditioned.images()
    reference = own_images(
        folder, conditioned.model.kind.pipelines[0], HALF, {**other.guided, **other.call}, other.size
    )
    assert np.array_equal(images, reference)
    assert images.std() > 5


def test_pipelines_without_image_to_image_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kind: image: the installed diffusers has no image-to-image pipeline for Pix"):
        find_model(str(tiny("pixart")), HALF)
    with pytest.raises(DataError, match=r"has no argument 'strength'; it edits images, so use condition: \{kind: edit"):
        find_model(str(build_other("FluxKontextPipeline", tmp_path / "kontext")), HALF)
    with pytest.raises(DataError, match="'sdxl-refiner' has a refiner, which takes no real images"):
        find_model("sdxl-refiner", HALF)
