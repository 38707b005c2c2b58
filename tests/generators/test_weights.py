"""What people type for a generator that this package cannot load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from prettyuseful.errors import UnknownNameError
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model
from prettyuseful.generators.weights import unsupported_weights


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    whole = {"model.diffusion_model.input_blocks.0.weight": np.zeros(3, np.float32)}
    lora = {"unet.down_blocks.0.attn.to_q.lora_A.weight": np.zeros(3, np.float32)}
    for folder in ("checkpoints", "lora", "kohya", "peft"):
        Path(folder).mkdir()
    save_file(whole, "sd_xl_base_1.0.safetensors")
    save_file(whole, "checkpoints/sd_xl_base_1.0.safetensors")
    Path("old.ckpt").write_bytes(b"x")
    save_file(whole, "lora/pytorch_lora_weights.safetensors")
    save_file({"lora_unet_down_blocks_0.lora_up.weight": np.zeros(3, np.float32)}, "kohya/style.safetensors")
    save_file(lora, "style.safetensors")
    Path("peft/adapter_config.json").write_text("{}")
    Path("empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "sd_xl_base_1.0.safetensors",
            "is a checkpoint in one file, which does not say how it is used; name",
        ),
        ("old.ckpt", "is a checkpoint in one file"),
        ("absent/model.safetensors", "no such file; for a checkpoint in one file, name the model"),
        ("checkpoints", "holds checkpoints in one file (sd_xl_base_1.0.safetensors) and no model_index.json"),
        ("style.safetensors", "holds LoRA weights, which are not a whole model; name its base model"),
        ("lora", "holds LoRA weights"),
        ("kohya", "holds LoRA weights (style.safetensors)"),
        ("peft", "holds LoRA weights"),
        ("https://huggingface.co/stabilityai/sdxl-turbo", "give the hub id instead: stabilityai/sdxl-turbo"),
        ("huggingface.co/stabilityai/sdxl-turbo/", "give the hub id instead: stabilityai/sdxl-turbo"),
        ("https://hf.co/owner/name?library=diffusers", "give the hub id instead: owner/name"),
        ("https://huggingface.co/owner/name/tree/main", "give the hub id instead: owner/name"),
        ("https://huggingface.co/owner/name/tree/v2", "give the hub id instead: owner/name@v2"),
        (
            "https://huggingface.co/owner/name/resolve/main/x.safetensors",
            "is a single file of a hub repository; give owner/name if",
        ),
        ("https://huggingface.co/datasets/owner/name", "is not the address of a model on the hub"),
        ("https://civitai.com/models/1", "is not the address of a model on the hub"),
    ],
)
def test_the_reason_and_the_remedy_are_one_line(models: Path, name: str, words: str) -> None:  # noqa: ARG001
    problem = unsupported_weights(name)
    assert problem is not None
    assert words in problem
    assert "\n" not in problem
    with pytest.raises(UnknownNameError) as error:
        find_model(name)
    assert str(error.value) == problem


@pytest.mark.parametrize(
    "name", [*MODELS, "owner/name", "owner/name@v1", "empty", "mine.py:Generator", "a" * 300, "images", "shards.tar"]
)
def test_other_names_are_no_business_of_this(models: Path, name: str) -> None:  # noqa: ARG001
    assert unsupported_weights(name) is None


def test_pipelines_may_hold_further_weights(models: Path) -> None:
    (models / "checkpoints/model_index.json").write_text("{}")
    assert unsupported_weights("checkpoints") is None


def test_a_hostile_header_is_no_lora(models: Path) -> None:
    (models / "bomb.safetensors").write_bytes(b"\xff" * 8 + b"{" * 1000)
    assert "checkpoint in one file" in str(unsupported_weights("bomb.safetensors"))
