from __future__ import annotations

import pytest
import torch

from prettyuseful.errors import UnknownNameError
from prettyuseful.training.architectures import SmallNet, build, check


def test_the_small_one_has_the_halves_of_a_timm_model() -> None:
    model, x = build("small", 16).eval(), torch.randn(2, 3, 32, 32)
    assert isinstance(model, SmallNet)
    features = model.forward_features(x)
    assert features.shape == (2, 128, 4, 4)
    assert torch.equal(model.forward_head(features), model(x))
    assert model.forward_head(features, pre_logits=True).shape == (2, 128)
    assert sum(p.numel() for p in model.parameters()) == 165736


def test_unknown_names_get_the_nearest_of_ours_and_timms() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        check("smal")
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50"):
        build("resnet_50", 2)
