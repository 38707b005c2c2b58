"""Networks without weights: only classes of diffusers and transformers, with configurations, that cannot be run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from prettyuseful.generators.stubs import (
    StubUsedError,
    image_networks,
    is_stub,
    make_stubs,
    network_classes,
    text_networks,
)

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "safety_checker": [None, None],
    "kolors": ["kolors", "ChatGLMModel"],
    "own": ["os", "system"],
    "other": ["my_module", "UNet2DConditionModel"],
    "requires_safety_checker": False,
}


def test_only_networks_of_the_two_libraries_are_found() -> None:
    classes = network_classes(INDEX)
    assert list(classes) == ["unet", "text_encoder", "kolors"]
    assert classes["unet"] is UNet2DConditionModel
    assert (text_networks(classes), image_networks(classes)) == (["text_encoder", "kolors"], ["unet"])


def test_a_stub_has_a_configuration_and_cannot_be_run(tiny: Callable[[str], Path]) -> None:
    classes = network_classes({name: INDEX[name] for name in ("unet", "text_encoder")})
    stubs = make_stubs(str(tiny("sd")), None, classes, classes, torch.bfloat16)
    for name, stub in stubs.items():
        assert is_stub(stub)
        assert stub.dtype == torch.bfloat16
        with pytest.raises(StubUsedError, match=name):
            stub(torch.zeros(1))
    assert stubs["unet"].config.sample_size == 8
