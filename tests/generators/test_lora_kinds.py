"""LoRA weights are recognised by the names and shapes of their tensors, in the formats of kohya, PEFT and diffusers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.lora_kinds import check_lora, read_lora
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model

Tiny = Callable[[str], Path]

_UNET = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
FORMATS = {
    "SDXL": (f"unet.{_UNET}.lora_A.weight", 2048),
    "SDXL by kohya": ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight", 2048),
    "Stable Diffusion 1": (f"{_UNET.replace('to_k', 'processor.to_k_lora')}.down.weight", 768),
    "Stable Diffusion 1 by kohya": ("lora_unet_" + _UNET.replace(".", "_") + ".lora_down.weight", 768),
    "Stable Diffusion 2": (f"unet.{_UNET}.lora.down.weight", 1024),
    "FLUX": ("transformer.single_transformer_blocks.3.attn.to_q.lora_A.weight", 3072),
    "FLUX by kohya": ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", 3072),
    "FLUX of its vendor": ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", 3072),
    "Stable Diffusion 3": ("diffusion_model.joint_blocks.0.context_block.attn.qkv.lora_A.weight", 1536),
    "Qwen-Image": ("transformer_blocks.0.img_mlp.net.2.lora_A.default.weight", 3072),
    "Lumina 2 or Z-Image": ("diffusion_model.context_refiner.0.attention.to_q.lora_A.weight", 2304),
    "HiDream": ("diffusion_model.double_stream_blocks.0.block.attn1.to_q.lora_A.weight", 2560),
    "Wan": ("diffusion_model.blocks.0.self_attn.q.lora_A.weight", 5120),
}
FAMILIES = {"SDXL": "sdxl", "Stable Diffusion 1": "sd-1.5", "FLUX": "flux.1-dev", "Stable Diffusion 3": "sd3.5-large"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_recognised(name: str) -> None:
    key, width = FORMATS[name]
    weights = read_lora({key: (16, width)}, "x")
    assert weights.kind is not None
    assert weights.kind.name == name.split(" by ")[0].split(" of its")[0]
    assert len(weights.image) == 1
    assert not weights.text


@pytest.mark.parametrize("name", [name for name in FORMATS if "of its" not in name])
def test_the_error_says_whose_it_is(name: str) -> None:
    weights = read_lora({FORMATS[name][0]: (16, FORMATS[name][1])}, "x")
    model = find_model("sdxl" if not name.startswith("SDXL") else "sd-1.5")
    assert weights.kind is not None
    expected = f"^x: this LoRA is for {weights.kind.name}; {model.family} has no block {weights.kind.block}$"
    with pytest.raises(DataError, match=expected):
        check_lora(weights, model, "x")


@pytest.mark.parametrize(("kind", "model"), FAMILIES.items())
def test_the_right_model_is_accepted(kind: str, model: str) -> None:
    for name, (key, width) in FORMATS.items():
        if name.startswith(kind):
            check_lora(read_lora({key: (16, width)}, "x"), MODELS[model], "x")


def test_a_model_without_a_family_whose_blocks_are_known_takes_no_others() -> None:
    flux, hidream = (
        read_lora({FORMATS[name][0]: (16, FORMATS[name][1])}, "x") for name in ("FLUX of its vendor", "HiDream")
    )
    check_lora(hidream, MODELS["hidream-i1-fast"], "x")
    with pytest.raises(DataError, match="this LoRA is for FLUX; HiDreamImagePipeline has no block double_blocks"):
        check_lora(flux, MODELS["hidream-i1-fast"], "x")


def test_weights_of_text_encoders_are_told_from_those_of_denoisers() -> None:
    for key in (
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight",
        "text_encoder_2.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight",
    ):
        weights = read_lora({key: (4, 8)}, "x")
        assert len(weights.text) == 1
        assert not weights.image


def test_a_file_without_lora_weights_is_refused() -> None:
    with pytest.raises(DataError, match=r"^x is not a LoRA: none of its 2 tensors is one \(the first is a\.weight\); "):
        read_lora({"b.weight": (1,), "a.weight": (1,)}, "x")
    with pytest.raises(DataError, match="none of its 0 tensors"):
        read_lora({}, "x")


def test_blocks_and_shapes_are_those_of_the_files_of_the_model(tiny: Tiny) -> None:
    model, name = find_model(str(tiny("sd"))), _UNET.replace("attn2.to_k", "attn1.to_q")
    for layer in (f"unet.{name}.lora_A.weight", f"lora_unet_{name.replace('.', '_')}.lora_down.weight"):
        check_lora(read_lora({layer: (2, 32)}, "x"), model, "x")
        with pytest.raises(DataError, match=r"is for 48 inputs, and that of sd has 32$"):
            check_lora(read_lora({layer: (2, 48)}, "x"), model, "x")
    with pytest.raises(DataError, match=r"is for 33 outputs, and that of sd has 32$"):
        check_lora(read_lora({f"unet.{name}.lora_B.weight": (33, 2)}, "x"), model, "x")
    missing = read_lora({f"unet.{name.replace('blocks.1', 'blocks.3')}.lora_A.weight": (2, 32)}, "x")
    with pytest.raises(DataError, match=r"^x: sd has no block down_blocks\.3\..*, so this LoRA is for another model$"):
        check_lora(missing, model, "x")
