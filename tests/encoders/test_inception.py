from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from torchvision.models import inception_v3

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.inception import Inception, network_of_fid, prepared
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("fid") / "pt_inception.pth"
    network = network_of_fid()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), file)
    return file


def test_the_state_dict_has_the_keys_and_shapes_of_pytorch_fid() -> None:
    """pytorch-fid builds on `inception_v3(num_classes=1008, aux_logits=False)` and changes no parameter's name."""
    ours = {name: tuple(value.shape) for name, value in network_of_fid().state_dict().items()}
    plain = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    assert ours == {name: tuple(value.shape) for name, value in plain.state_dict().items()}
    assert ours["fc.weight"] == (1008, 2048)
    assert ours["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert ours["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)
    assert not any("AuxLogits" in name for name in ours)


def seen_by_pool(network: torch.nn.Module, block: str, x: torch.Tensor) -> torch.Tensor:
    """What a block's pooling passes on."""
    seen: list[torch.Tensor] = []
    part = network.get_submodule(block)
    hook = part.get_submodule("branch_pool").register_forward_hook(lambda _, given, __: seen.append(given[0]))
    part(x)
    hook.remove()
    return seen[0]


def test_pooling_leaves_the_padding_out_but_in_the_last_block() -> None:
    """On a constant map a mean that leaves the padding out is that constant, at the edge too."""
    network, torchvisions = (
        network_of_fid().eval(),
        inception_v3(num_classes=1008, weights=None, init_weights=False).eval(),
    )
    blocks = {"Mixed_5b": 192, "Mixed_5c": 256, "Mixed_6b": 768, "Mixed_6e": 768, "Mixed_7b": 1280, "Mixed_7c": 2048}
    for name, channels in blocks.items():
        flat = torch.ones(1, channels, 5, 5)
        assert (seen_by_pool(network, name, flat) == 1).all(), name
        assert not (seen_by_pool(torchvisions, name, flat) == 1).all(), name
    steep = torch.arange(25.0).reshape(1, 1, 5, 5).expand(1, 2048, 5, 5)
    assert seen_by_pool(network, "Mixed_7c", steep).max() == 24
    assert seen_by_pool(network, "Mixed_7b", steep[:, :1280]).max() < 24


def test_features_are_2048_values_and_always_the_same(weights: Path, pixels: Pixels) -> None:
    encoder, few = Inception(weights, Numerics()), pixels.take(np.arange(3))
    found = encoder.features(few)
    assert found.shape == (3, 2048)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(Inception(weights, Numerics()).features(few), found)
    np.testing.assert_array_equal(encoder.features(pixels.take(np.array([2, 0]))), found[[2, 0]])
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_images_are_prepared_as_in_pytorch_fid(pixels: Pixels) -> None:
    image = pixels[1]
    batch = torch.from_numpy(np.moveaxis(image, 2, 0).copy())[None].float() / 255
    wanted = 2 * interpolate(batch, size=(299, 299), mode="bilinear", align_corners=False) - 1
    torch.testing.assert_close(prepared(image), wanted[0])


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"no weights", "not those of FID's")])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        Inception(tmp_path / "x.pth", Numerics())
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="not those of FID's Inception"):
        Inception(tmp_path / "x.pth", Numerics())


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"conv.weight": Path("x")}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="not those of FID's Inception"):
        Inception(tmp_path / "x.pth", Numerics())
