"""Learned embeddings give prompts new words, in the step that encodes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.generators.reference_pipelines import settings
from tests.generators.tiny import WIDTH

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice, TextualInversion
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


def choose(model: Path, file: Path, **fields: Any) -> GeneratorChoice:
    return GeneratorChoice(model=str(model), textual_inversion=TextualInversion(path=str(file), **fields))


def test_a_new_word_is_the_learned_embedding(tiny: Tiny, tmp_path: Path) -> None:
    file, value = tmp_path / "toy.safetensors", torch.full((2, WIDTH), 0.5)
    save_file({"<toy>": value}, file)
    choice = choose(tiny("sd"), file)
    encoder, plain = PromptEncoder(choice, Numerics()), PromptEncoder(choice.model, Numerics())
    assert not torch.equal(*(each.encode("a <toy>")["prompt_embeds"] for each in (encoder, plain)))
    assert torch.equal(*(each.encode("a dog")["prompt_embeds"] for each in (encoder, plain)))
    tokenizer = encoder.stages[0].pipeline.tokenizer
    row = encoder.stages[0].pipeline.text_encoder.get_input_embeddings().weight
    assert torch.equal(row[tokenizer.convert_tokens_to_ids(["<toy>", "<toy>_1"])], value)
    renamed = PromptEncoder(choose(tiny("sd"), file, token="<mine>"), Numerics())
    assert torch.equal(*(e.encode(p)["prompt_embeds"] for e, p in ((encoder, "a <toy>"), (renamed, "a <mine>"))))


def test_sdxl_has_one_embedding_for_each_text_encoder(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "toy.safetensors"
    save_file({"clip_l": torch.ones(1, WIDTH), "clip_g": torch.ones(1, WIDTH) * 2}, file)
    pipeline = PromptEncoder(choose(tiny("sdxl"), file), Numerics()).stages[0].pipeline
    for tokenizer, encoder, value in (
        (pipeline.tokenizer, pipeline.text_encoder, 1),
        (pipeline.tokenizer_2, pipeline.text_encoder_2, 2),
    ):
        row = encoder.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids("toy")]
        assert torch.equal(row, torch.full_like(row, value))


def test_only_the_key_of_encoding_holds_it(tiny: Tiny, tmp_path: Path) -> None:
    save_file({"emb_params": torch.ones(1, WIDTH)}, tmp_path / "toy.safetensors")
    pinned = pin_generator(choose(tiny("sd"), tmp_path / "toy.safetensors"))
    plain = pin_generator(GeneratorChoice(model=str(tiny("sd"))))
    assert pinned.image.content == plain.image.content
    assert pinned.text.content == pinned.whole.content != plain.text.content
    other = pin_generator(choose(tiny("sd"), tmp_path / "toy.safetensors", token="<x>"))
    assert other.text.content != pinned.text.content


@pytest.mark.parametrize(
    ("kind", "tensors", "message"),
    [
        ("sd", {"a": (1, 4), "b": (1, 4)}, "toy.safetensors is not a learned embedding for sd: it holds 2 tensors"),
        ("sdxl", {"a": (1, 4)}, "toy.safetensors is not for sdxl: it has no tensors clip_l and clip_g"),
        (
            "flux",
            {"a": (1, 4)},
            "'flux' takes no learned embeddings; models that do: those of the families sd",
        ),
    ],
)
def test_files_for_other_models_are_refused_by_the_plan(
    tiny: Tiny, tmp_path: Path, kind: str, tensors: dict[str, tuple[int, ...]], message: str
) -> None:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, tmp_path / "toy.safetensors")
    with pytest.raises(DataError, match=re.escape(message)):
        pin_generator(choose(tiny(kind), tmp_path / "toy.safetensors"))


def test_an_embedding_of_another_width_is_a_one_line_error(tiny: Tiny, tmp_path: Path) -> None:
    save_file({"<toy>": torch.ones(1, 7)}, tmp_path / "toy.safetensors")
    choice = choose(tiny("sd"), tmp_path / "toy.safetensors")
    with pytest.raises(DataError, match=re.escape("toy.safetensors cannot be added to sd: ")) as error:
        PromptEncoder(choice, Numerics(), sampling=settings(choice.model))
    assert "\n" not in str(error.value)
