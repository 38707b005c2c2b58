"""The pipelines of diffusers that take real images are found from the text-to-image pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.pipelines import Use, family_of, pipeline_for
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.pipelines import recorded_family


@pytest.mark.parametrize(
    ("use", "text", "found"),
    [
        ("image-to-image", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"),
        ("inpainting", "StableDiffusionPipeline", "StableDiffusionInpaintPipeline"),
        ("image-to-image", "KolorsPipeline", "KolorsImg2ImgPipeline"),
        ("image-to-image", "ChromaPipeline", "ChromaImg2ImgPipeline"),  # not in the table of diffusers
        ("image-to-image", "SanaSprintPipeline", "SanaSprintImg2ImgPipeline"),
        ("inpainting", "KandinskyV22CombinedPipeline", "KandinskyV22InpaintCombinedPipeline"),
    ],
)
def test_a_pipeline_is_found_in_the_table_of_diffusers_or_by_its_components(use: Use, text: str, found: str) -> None:
    assert pipeline_for(use, text) == found


@pytest.mark.parametrize(
    ("use", "text", "reason"),
    [
        ("image-to-image", "PixArtAlphaPipeline", "has no image-to-image pipeline for PixArtAlphaPipeline"),
        ("inpainting", "Lumina2Pipeline", "has no inpainting pipeline for Lumina2Pipeline"),
        ("image-to-image", "Flux2Pipeline", "has no argument 'strength'; it edits images"),
        ("inpainting", "ChromaPipeline", "reads a setting that the transformer of Chroma does not have"),
    ],
)
def test_the_reason_is_given_where_there_is_none(use: Use, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        pipeline_for(use, text)


def test_a_family_keeps_only_the_arguments_of_the_other_pipeline() -> None:
    family = family_of("StableDiffusionImg2ImgPipeline", replace(FAMILIES["sd"], call={"clean_caption": False}))
    assert (family.pipelines, family.call, family.name) == (("StableDiffusionImg2ImgPipeline",), {}, "sd")
    assert family.load == FAMILIES["sd"].load


def test_pipelines_without_a_row_make_their_images_one_by_one() -> None:
    text = recorded_family("KolorsPipeline")
    family = family_of("KolorsImg2ImgPipeline", text)
    assert (text.several, family.several, family.name) == (True, False, "KolorsImg2ImgPipeline")
