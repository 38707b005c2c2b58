"""A generator is pinned with all of its settings, each of which has a key of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice, Lora, WeightFile, choice_of
from prettyuseful.generators.models import pin_model
from prettyuseful.generators.pinning import pin_generator

Tiny = Callable[[str], Path]
KEY = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_{}.weight"


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    save_file({KEY.format("A"): torch.ones(2, 32), KEY.format("B"): torch.ones(32, 2)}, tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


def test_a_name_alone_has_the_content_of_its_model() -> None:
    for name in ("pocket-base", "pocket-turbo"):
        pinned, expected = pin_generator(choice_of(name)), pin_model(name)
        halves = (pinned.whole, pinned.text, pinned.image)
        assert all((half.source, half.content) == (choice_of(expected.name), expected.content) for half in halves)
        assert pinned.added == ()


def test_every_setting_has_a_key_of_its_own(tiny: Tiny, lora: Path) -> None:
    model = str(tiny("sd"))
    choices = [
        GeneratorChoice(model=model),
        GeneratorChoice(model=model, lora=Lora(path=str(lora))),
        GeneratorChoice(model=model, lora=Lora(path=str(lora), weight=0)),
        GeneratorChoice(model=model, lora=(Lora(path=str(lora)), Lora(path=str(lora)))),
        GeneratorChoice(model=model, scheduler="DDIMScheduler"),
        GeneratorChoice(model=model, scheduler={"class": "DDIMScheduler", "timestep_spacing": "trailing"}),
    ]
    contents = [pin_generator(choice).whole.content for choice in choices]
    assert len({digest(content) for content in contents}) == len(choices)
    as_list = GeneratorChoice(model=model, lora=(Lora(path=str(lora)),))
    assert pin_generator(as_list).whole.content == contents[1]
    copy = lora.with_name("b.safetensors")
    copy.write_bytes(lora.read_bytes())
    assert pin_generator(GeneratorChoice(model=model, lora=Lora(path=str(copy)))).whole.content == contents[1]


def test_the_number_format_is_not_in_the_content_because_numerics_hold_it() -> None:
    plain, half = (
        pin_generator(choice_of("pocket-base")),
        pin_generator(GeneratorChoice(model="pocket-base", dtype="bfloat16")),
    )
    assert plain == half


def test_a_mistake_names_the_entry(tiny: Tiny, lora: Path) -> None:
    wrong = Lora(path=str(lora.with_name("no.safetensors")))
    with pytest.raises(DataError, match=r"^lora\[1\]: no such file"):
        pin_generator(GeneratorChoice(model=str(tiny("sd")), lora=(Lora(path=str(lora)), wrong)))
    with pytest.raises(DataError, match=r"^single_file: a\.safetensors holds LoRA weights, which go into lora$"):
        pin_generator(GeneratorChoice(model=str(tiny("sd")), single_file=WeightFile(path=str(lora))))
    with pytest.raises(DataError, match="'sdxl-refiner' has two denoisers"):
        pin_generator(GeneratorChoice(model="sdxl-refiner", single_file=WeightFile(path=str(lora))))
