from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from torchvision.models import inception_v3

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.inception import Inception, fid_inception_v3, preprocess
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("fid") / "pt_inception.pth"
    network = fid_inception_v3()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), file)
    return file


def test_the_state_dict_has_the_keys_and_shapes_of_pytorch_fid() -> None:
    """pytorch-fid uses `inception_v3(num_classes=1008, aux_logits=False)` without renaming parameters."""
    ours = {name: tuple(value.shape) for name, value in fid_inception_v3().state_dict().items()}
    plain = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    assert ours == {name: tuple(value.shape) for name, value in plain.state_dict().items()}
    assert ours["fc.weight"] == (1008, 2048)
    assert ours["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert ours["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)
    assert not any("AuxLogits" in name for name in ours)


def pool_output(network: torch.nn.Module, block: str, x: torch.Tensor) -> torch.Tensor:
    """Return the output of the pooling branch of a block."""
    outputs: list[torch.Tensor] = []
    part = network.get_submodule(block)
    hook = part.get_submodule("branch_pool").register_forward_hook(lambda _, given, __: outputs.append(given[0]))
    part(x)
    hook.remove()
    return outputs[0]


def test_average_pooling_excludes_padding_and_the_last_block_uses_max_pooling() -> None:
    """On a constant map, a mean without padding is that constant, also at the edge."""
    network, torchvisions = (
        fid_inception_v3().eval(),
        inception_v3(num_classes=1008, weights=None, init_weights=False).eval(),
    )
    blocks = {"Mixed_5b": 192, "Mixed_5c": 256, "Mixed_6b": 768, "Mixed_6e": 768, "Mixed_7b": 1280, "Mixed_7c": 2048}
    for name, channels in blocks.items():
        flat = torch.ones(1, channels, 5, 5)
        assert (pool_output(network, name, flat) == 1).all(), name
        assert not (pool_output(torchvisions, name, flat) == 1).all(), name
    steep = torch.arange(25.0).reshape(1, 1, 5, 5).expand(1, 2048, 5, 5)
    assert pool_output(network, "Mixed_7c", steep).max() == 24
    assert pool_output(network, "Mixed_7b", steep[:, :1280]).max() < 24


@pytest.mark.slow
def test_features_are_deterministic_with_2048_dimensions(weights: Path, pixels: Pixels) -> None:
    encoder, few = Inception(weights, Numerics()), pixels.take(np.arange(3))
    features = encoder.features(few)
    assert features.shape == (3, 2048)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(Inception(weights, Numerics()).features(few), features)
    np.testing.assert_array_equal(encoder.features(pixels.take(np.array([2, 0]))), features[[2, 0]])
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_images_are_preprocessed_as_in_pytorch_fid(pixels: Pixels) -> None:
    image = pixels[1]
    batch = torch.from_numpy(np.moveaxis(image, 2, 0).copy())[None].float() / 255
    expected = 2 * interpolate(batch, size=(299, 299), mode="bilinear", align_corners=False) - 1
    torch.testing.assert_close(preprocess(image), expected[0])


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"no weights", "does not hold the weights of FID's")]
)
def test_invalid_file_is_a_one_line_error(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        Inception(tmp_path / "x.pth", Numerics())
    assert "\n" not in str(error.value)


def test_weights_of_another_network_are_rejected(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="does not hold the weights of FID's Inception"):
        Inception(tmp_path / "x.pth", Numerics())


def test_code_in_a_weights_file_is_not_executed(tmp_path: Path) -> None:
    torch.save({"conv.weight": Path("x")}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="does not hold the weights of FID's Inception"):
        Inception(tmp_path / "x.pth", Numerics())
