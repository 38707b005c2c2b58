"""Variants of weight files by their names."""

from __future__ import annotations

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.variants import (
    DEFAULT,
    ChosenVariant,
    check_variant,
    variants_of,
    weights_of_variant,
)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["unet/diffusion_pytorch_model.safetensors", "unet/config.json", "vae/x.fp8.safetensors"], (DEFAULT,)),
        (["model_index.json", "text_encoder/model.fp16.safetensors"], ("fp16",)),
        (["t/model.fp16-00001-of-00002.safetensors", "t/model-00001-of-00002.safetensors"], (DEFAULT, "fp16")),
        (["t/diffusion_pytorch_model-00001-of-00002.bf16.safetensors", "t/pytorch_model.bin"], (DEFAULT, "bf16")),
        ([], ()),
    ],
)
def test_file_names_tell_the_variants(files: list[str], expected: tuple[str, ...]) -> None:
    assert variants_of(files) == expected


def test_a_preferred_variant_is_replaced_and_an_exact_one_is_not() -> None:
    assert ChosenVariant("fp16").loaded_from(("default", "fp16")) == "fp16"
    assert ChosenVariant("fp16").loaded_from(("bf16", "default")) == DEFAULT
    assert ChosenVariant(DEFAULT).loaded_from(("bf16", "fp16")) == "fp16"
    assert ChosenVariant("fp16", exact=True).loaded_from(("default",)) == "fp16"
    assert ChosenVariant("fp16").loaded_from(()) == "fp16"
    assert (ChosenVariant("fp16").argument, ChosenVariant(DEFAULT).argument) == ("fp16", None)


def test_an_unknown_variant_names_the_known_ones() -> None:
    check_variant("a", "fp16", ())  # nothing is known
    with pytest.raises(DataError, match=r"^'a' has no weights of the variant 'fp8'; available: default, fp16$"):
        check_variant("a", "fp8", ("default", "fp16"))


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("fp16", ["unet/diffusion_pytorch_model.fp16.safetensors"]),
        (DEFAULT, [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]),
        ("bf16", [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]),  # there is none
    ],
)
def test_weights_of_a_variant_are_all_of_its_parts_and_no_pickles(variant: str, expected: list[str]) -> None:
    files = [
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    ]
    assert weights_of_variant(files, variant) == expected
    assert weights_of_variant(files[:2], variant) == files[1:2]
    assert weights_of_variant([], variant) == []
