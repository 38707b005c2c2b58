"""Heads of the aesthetic predictors against their networks in torch, from files in the published formats."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from prettyuseful.aesthetics.models import Layout
from prettyuseful.encoders.heads import Head, read_head
from prettyuseful.errors import DataError


def network(layout: Layout, width: int = 12) -> nn.Module:
    """Return the network that the authors publish weights of, with random weights; the second is in a module."""
    torch.manual_seed(0)
    if layout == "linear":
        layer = nn.Linear(width, 1)
        nn.init.normal_(layer.weight)
        return layer
    sizes, dropouts = (width, 10, 8, 6, 4, 1), (0.2, 0.2, 0.1)
    linear = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    for layer in linear:
        nn.init.normal_(layer.weight, std=0.7)
    layers = [layer for pair in zip(linear, map(nn.Dropout, dropouts), strict=False) for layer in pair]
    return nn.ModuleDict({"layers": nn.Sequential(*layers, *linear[3:])})


def reference(model: nn.Module, features: np.ndarray) -> np.ndarray:
    """Return the scores as the authors' scripts compute them: normalised embeddings through the network."""
    embeddings = torch.nn.functional.normalize(torch.tensor(features), dim=-1)
    layers = model["layers"] if isinstance(model, nn.ModuleDict) else model
    with torch.no_grad():
        return np.asarray(layers.eval()(embeddings)[:, 0].numpy())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("layout", ["linear", "mlp"])
def test_scores_are_those_of_the_published_network(layout: Layout, suffix: str, tmp_path: Path) -> None:
    model, file = network(layout), tmp_path / f"head{suffix}"
    (torch.save if suffix == ".pth" else save_file)(dict(model.state_dict()), file)
    features = 9 * np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    scores = read_head(file, layout).scores(features)
    wanted = reference(model, features)
    assert np.ptp(wanted) > 0.3
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(read_head(file, layout).scores(features[[4, 2]]), scores[[4, 2]])


def changed(**changes: torch.Tensor | None) -> Mapping[str, torch.Tensor]:
    state: dict[str, Any] = {**network("linear").state_dict(), **changes}
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "layout", "words"),
    [
        (network("mlp").state_dict(), "linear", r"other weights \(layers.0.bias.*the linear head of version 1"),
        (network("linear").state_dict(), "mlp", r"other weights \(bias, weight\).*the five layers of version 2"),
        (changed(bias=None), "linear", "other weights"),
        (changed(weight=torch.zeros(2, 12)), "linear", r"a layer of the shapes \[2, 12\] and \[1\]"),
        (changed(weight=torch.zeros(1, 0)), "linear", "a layer of the shapes"),
        (changed(bias=torch.zeros(3)), "linear", "a layer of the shapes"),
        (changed(bias=torch.tensor([torch.nan])), "linear", "not finite"),
        ({"weight": "text", "bias": 3}, "linear", "give a state dict"),
        ([1, 2], "linear", "holds a list"),
        ({"weight": print, "bias": print}, "linear", "cannot read the head"),
    ],
)
def test_a_wrong_file_gives_one_line(state: Any, layout: Layout, words: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "head.pth")
    with pytest.raises(DataError, match=words) as error:
        read_head(tmp_path / "head.pth", layout)
    assert "\n" not in str(error.value)
    assert "head.pth" in str(error.value)


@pytest.mark.parametrize("name", ["head.pth", "head.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no tensors", b"PK\x03\x04 broken"])
def test_a_broken_or_missing_file_gives_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / name
    with pytest.raises(DataError, match=r"cannot read the head .*; check the path"):
        read_head(file, "linear")
    file.write_bytes(content)
    with pytest.raises(DataError, match="give a state dict that torch has saved") as error:
        read_head(file, "linear")
    assert "\n" not in str(error.value)


class Harmful:
    """An object whose file writes another file when it is read by pickle."""

    def __init__(self, written: Path) -> None:
        self.written = written

    def __reduce__(self) -> tuple[Any, ...]:
        return self.written.write_text, ("code was run",)


def test_code_in_a_file_is_not_executed(tmp_path: Path) -> None:
    torch.save({"weight": Harmful(tmp_path / "written"), "bias": torch.zeros(1)}, tmp_path / "head.pth")
    with pytest.raises(DataError, match="cannot read the head"):
        read_head(tmp_path / "head.pth", "linear")
    assert not (tmp_path / "written").exists()


def test_features_of_another_model_are_rejected() -> None:
    head = Head(np.ones(4), 0.0)
    with pytest.raises(DataError, match="embeddings of 4 dimensions, and the CLIP model has 3"):
        head.scores(np.ones((2, 3)))
    with pytest.raises(DataError, match="all zero"):
        head.scores(np.zeros((2, 4)))
