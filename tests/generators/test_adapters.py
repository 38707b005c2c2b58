"""LoRA weights change images and weight 0 does not, in both halves of a pipeline, as diffusers' own loading does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from tests.generators.reference_pipelines import PROMPT, SEEDS, SIZE, STEPS, load_pipeline, settings
from tests.generators.tiny_others import build_other

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice, Lora
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]
SaveLora = Callable[..., Path]


RECORDED = "StableDiffusionPAGPipeline"


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Tiny:
    """Returns the folder of a tiny pipeline of a family, or of one that is recorded."""
    return lambda kind: build_other(kind, tmp_path / kind) if kind == RECORDED else tiny(kind)


@pytest.fixture
def save_lora(folder: Tiny, tmp_path: Path) -> SaveLora:
    """Returns LoRA weights with random numbers, as diffusers saves them."""

    def save(kind: str, *components: str, scale: float = 0.3) -> Path:
        pipeline = load_pipeline(folder(kind))
        layers = {}
        for number, name in enumerate(components):
            network = getattr(pipeline, name)
            targets = ["q_proj", "v_proj"] if name.startswith("text") else ["to_q", "to_v"]
            network.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets))
            generator = torch.Generator().manual_seed(number)
            state = get_peft_model_state_dict(network)
            layers[f"{name}_lora_layers"] = {
                key: torch.randn(tensor.shape, generator=generator) * scale for key, tensor in state.items()
            }
        pipeline.save_lora_weights(tmp_path, weight_name=f"{kind}-{'-'.join(components)}.safetensors", **layers)
        return tmp_path / f"{kind}-{'-'.join(components)}.safetensors"

    return save


def images(choice: GeneratorChoice, dtype: Any = "float32", **sampling: Any) -> np.ndarray:
    """Return the images of a choice, encoded and sampled from its halves."""
    pinned, resolved = pin_generator(choice), settings(choice.model, **{"cfg": 2.0, **sampling})
    numerics = Numerics(dtype=dtype)
    halves = TextToImage(pinned.text.source, resolved, numerics)
    halves.sampler = TextToImage(pinned.image.source, resolved, numerics).sampler
    embeddings = halves.encode([PROMPT])
    return np.asarray(halves.sampler.sample([embeddings[PROMPT]] * len(SEEDS), SEEDS))


@pytest.mark.parametrize(
    ("kind", "components"),
    [
        pytest.param("sd", ("unet",), marks=pytest.mark.slow),
        ("sd", ("unet", "text_encoder")),
        (RECORDED, ("unet", "text_encoder")),
        pytest.param("sdxl", ("unet", "text_encoder", "text_encoder_2"), marks=pytest.mark.slow),
        pytest.param("sd3", ("transformer",), marks=pytest.mark.slow),
        pytest.param("flux-schnell", ("transformer",), marks=pytest.mark.slow),
    ],
)
def test_images_are_those_of_the_pipeline_with_the_lora(
    folder: Tiny, save_lora: SaveLora, kind: str, components: tuple[str, ...]
) -> None:
    model, file = str(folder(kind)), save_lora(kind, *components)
    sampling = {"cfg": 1.0} if kind == "flux-schnell" else {}
    ours = images(GeneratorChoice(model=model, lora=Lora(path=str(file), weight=0.5)), **sampling)
    pipeline = load_pipeline(folder(kind))
    pipeline.load_lora_weights(str(file), adapter_name="x")
    pipeline.set_adapters(["x"], [0.5])
    reference = pipeline(
        PROMPT,
        num_images_per_prompt=len(SEEDS),
        num_inference_steps=STEPS,
        guidance_scale=sampling.get("cfg", 2.0),
        height=SIZE,
        width=SIZE,
        output_type="np",
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
    ).images
    plain = images(GeneratorChoice(model=model), **sampling)
    assert np.abs(ours.astype(int) - (reference * 255).round()).max() <= 1
    assert np.abs(ours.astype(int) - plain).max() > 1
    zero = images(GeneratorChoice(model=model, lora=Lora(path=str(file), weight=0)), **sampling)
    assert np.array_equal(zero, plain)


def test_several_loras_add_up_and_stay_layers_in_half_precision(tiny: Tiny, save_lora: SaveLora) -> None:
    model, file = str(tiny("sd")), str(save_lora("sd", "unet"))
    twice = GeneratorChoice(model=model, lora=(Lora(path=file, weight=0.25), Lora(path=file, weight=0.25)))
    once = GeneratorChoice(model=model, lora=Lora(path=file, weight=0.5))
    assert np.abs(images(twice).astype(int) - images(once)).max() <= 1
    sampler = TextToImage(once, settings(model, cfg=1.0), Numerics(dtype="bfloat16")).sampler
    assert any("lora" in name for name, _ in sampler.pipeline.unet.named_parameters())


def test_a_lora_is_in_the_key_of_the_half_that_reads_it(tiny: Tiny, save_lora: SaveLora) -> None:
    model = str(tiny("sd"))
    plain = pin_generator(GeneratorChoice(model=model))
    assert plain.text.content == plain.image.content == plain.whole.content
    image = pin_generator(GeneratorChoice(model=model, lora=Lora(path=str(save_lora("sd", "unet")))))
    assert image.text.content == plain.text.content
    assert image.image.content == image.whole.content != plain.whole.content
    both = pin_generator(GeneratorChoice(model=model, lora=Lora(path=str(save_lora("sd", "unet", "text_encoder")))))
    assert both.text.content == both.image.content != image.image.content
    text = pin_generator(GeneratorChoice(model=model, lora=Lora(path=str(save_lora("sd", "text_encoder")))))
    assert text.image.content == plain.image.content
    assert text.text.content != plain.text.content
    zero = Lora(path=str(save_lora("sd", "unet")), weight=0)
    assert pin_generator(GeneratorChoice(model=model, lora=zero)).whole.content != image.whole.content
    assert [(added.field, added.name, added.weight) for added in image.added] == [("lora", "sd-unet.safetensors", 1.0)]


def test_weights_that_do_not_fit_are_one_line_errors_where_they_are_loaded(tiny: Tiny, save_lora: SaveLora) -> None:
    """A file may change after the plan, and that of a hub may be unknown to it."""
    file, choice = save_lora("sd", "unet"), GeneratorChoice(model=str(tiny("sd")))
    state = load_file(file)
    wrong = choice.model_copy(update={"lora": Lora(path=str(file))})

    def message() -> str:
        with pytest.raises(DataError) as error:
            TextToImage(wrong, settings(choice.model), Numerics())
        return str(error.value)

    save_file({key: torch.cat([tensor] * 2, 1) if "lora_A" in key else tensor for key, tensor in state.items()}, file)
    assert message().startswith("lora: sd-unet.safetensors: this LoRA is for another size of model: its down_blocks.1.")
    save_file({key.replace("down_blocks.1", "down_blocks.7"): tensor for key, tensor in state.items()}, file)
    assert re.fullmatch(
        r"lora: sd-unet\.safetensors: sd has no block down_blocks\.7.*, so this LoRA is for another model", message()
    )
    half = {key: tensor for key, tensor in state.items() if "lora_A" in key}
    save_file(half, file)
    assert message().startswith("lora: sd-unet.safetensors does not fit sd: ")
    file.unlink()
    assert "sd-unet.safetensors is not on this machine" in message()


def test_weights_that_are_not_finite_are_refused(tiny: Tiny, save_lora: SaveLora) -> None:
    file = save_lora("sd", "unet", scale=float("nan"))
    choice = GeneratorChoice(model=str(tiny("sd")), lora=Lora(path=str(file)))
    with pytest.raises(DataError, match=r"lora: sd-unet\.safetensors holds weights that are NaN or infinite"):
        images(choice)
