from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.training.architectures import (
    ARCHITECTURES,
    PAPER_TIMM_IDS,
    build,
    check_architecture,
    check_input_size,
)


def test_unknown_names_suggest_similar_architectures() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        check_architecture("smal")
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50"):
        build("resnet_50", 2, 32)


def test_known_architectures_are_found_without_importing_pytorch() -> None:
    script = (
        "import sys\n"
        "from prettyuseful.training.architectures import check_architecture\n"
        "for name in ('small', 'bagnet17', 'resnet18', 'resnet50.a1_in1k', 'vit_small_patch16_224'):\n"
        "    check_architecture(name)\n"
        "assert not {'torch', 'timm'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("size", [32, 96])
def test_models_with_a_fixed_size_are_built_for_another_size(size: int) -> None:
    """timm's ViT weights are for 224 px, but a ViT with random weights can be built for any size."""
    model = build("vit_tiny_patch16_224", 5, size).eval()
    assert model(torch.randn(2, 3, size, size)).shape == (2, 5)


def test_every_architecture_can_be_built() -> None:
    for row in ARCHITECTURES:
        assert build(row.name, 3, 32).eval()(torch.randn(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize("architecture", PAPER_TIMM_IDS)
def test_the_papers_architectures_look_at_224_pixels(architecture: str) -> None:
    assert build(architecture, 3, 224).eval()(torch.randn(1, 3, 224, 224)).shape == (1, 3)


def test_a_tag_names_weights_of_an_architecture() -> None:
    check_architecture("resnet50.a1_in1k")
    with pytest.raises(UnknownNameError, match=r"timm has no weights 'resnet50.a1_in2k'; did you mean"):
        check_architecture("resnet50.a1_in2k")


@pytest.mark.parametrize(
    ("architecture", "size"),
    [("vit_tiny_patch16_224", 8), ("test_vit", 33), ("convnext_atto", 8), ("inception_v3", 32)],
)
def test_unsupported_image_size_is_refused_in_one_line(architecture: str, size: int) -> None:
    with pytest.raises(DataError, match=f"{architecture} does not support images of {size} x {size} pixels .* recipe"):
        check_input_size(build(architecture, 3, size), architecture, size)


def test_check_input_size_changes_no_state() -> None:
    network = build("resnet10t", 3, 32)
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in network.state_dict().items()}
    check_input_size(network, "resnet10t", 32)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
