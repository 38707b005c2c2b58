"""Editing models: found only with a condition, and equal to the pipeline's own call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffusers import StableDiffusionInstructPix2PixPipeline
from tests.generators import tiny as families
from tests.generators.conditions.own_calls import REAL, Conditioned, own_images
from tests.generators.reference_pipelines import NEGATIVE
from tests.generators.tiny import WIDTH, make_unet
from tests.generators.tiny_others import OTHERS, build_other

from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.edit import Editing
from prettyuseful.generators.models import find_model

EDIT = Editing(instruction="paint the {class} blue")


@pytest.fixture(scope="module")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny InstructPix2Pix."""
    folder = tmp_path_factory.mktemp("edit") / "instruct"
    parts = {**families.FAMILIES["sd"]().components, "unet": make_unet(in_channels=8, cross_attention_dim=WIDTH)}
    StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False).save_pretrained(folder)
    return str(folder)


def test_images_equal_those_of_the_pipeline(instruct: str) -> None:
    """It encodes prompts within its call, so it runs whole."""
    conditioned = Conditioned(instruct, EDIT, cfg=4.0, negative=NEGATIVE)
    images = conditioned.images()
    arguments = {"guidance_scale": 4.0, "negative_prompt": NEGATIVE}
    assert np.array_equal(images, own_images(instruct, "StableDiffusionInstructPix2PixPipeline", EDIT, arguments))
    changed = conditioned.images([REAL[1], *REAL[1:]])
    assert not np.array_equal(changed[0], images[0])
    assert np.array_equal(changed[1:], images[1:])
    assert conditioned.model.kind.whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Flux2KleinPipeline", "Flux2Pipeline"])
def test_models_that_make_and_edit_images_are_recorded_without_one(name: str, tmp_path: Path) -> None:
    folder, other = str(build_other(name, tmp_path / "model")), OTHERS[name]
    conditioned = Conditioned(folder, EDIT, 64, **other.sampling)  # the smallest size that they take
    assert not conditioned.model.kind.whole
    images = conditioned.images()
    assert np.array_equal(images, own_images(folder, name, EDIT, {**other.guided, **other.call}, 64))


def test_an_editing_model_is_not_a_text_to_image_model(instruct: str) -> None:
    with pytest.raises(DataError, match="which is not supported"):
        find_model(instruct)
    with pytest.raises(DataError, match="StableDiffusionPipeline does not edit images; use an editing model such as"):
        find_model("pocket-base", EDIT)
