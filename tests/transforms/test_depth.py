from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.transforms.measures import content_of
from transformers import (
    AutoImageProcessor,
    AutoModelForDepthEstimation,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
    pipeline,
)

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.check import check_transform
from prettyuseful.transforms.depth import DepthMap
from prettyuseful.transforms.structure import DEPTH_MODELS, Depth

SIZES = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
NECK = {"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16, "reassemble_factors": [4, 2, 1, 0.5]}


def depth_anything() -> Any:
    eyes = Dinov2Config(
        **SIZES,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=eyes, patch_size=14, reassemble_hidden_size=32, head_hidden_size=8, **NECK
    )
    return DepthAnythingForDepthEstimation(config), 14


def dpt() -> Any:
    config = DPTConfig(
        **SIZES, intermediate_size=64, image_size=48, patch_size=16, backbone_out_indices=[0, 1, 2, 3], **NECK
    )
    return DPTForDepthEstimation(config), 16


@pytest.fixture(scope="module", params=[depth_anything, dpt], ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights, and a processor with the settings of the real model."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, patch = request.param()
    with torch.no_grad():
        for weight in model.parameters():  # large weights, so that the output depends on the image
            weight.normal_(std=0.2) if weight.dim() == 1 else weight.normal_(std=2 * weight[0].numel() ** -0.5)
        model.head.get_submodule("conv3" if hasattr(model.head, "conv3") else "head.4").bias.fill_(20)
    folder = tmp_path_factory.mktemp("depth") / "tiny-depth"
    model.save_pretrained(folder)
    size = {"height": 3 * patch, "width": 3 * patch}
    keep = request.param is depth_anything
    DPTImageProcessor(size=size, ensure_multiple_of=patch, keep_aspect_ratio=keep).save_pretrained(folder)
    return folder


def opened(folder: Path) -> Any:
    return Depth(model=str(folder)).open(Numerics())


@pytest.mark.parametrize("size", [(32, 32), (45, 70)])
def test_depth_equals_that_of_the_library_scaled_per_image(folder: Path, size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    parts = AutoModelForDepthEstimation.from_pretrained(folder), AutoImageProcessor.from_pretrained(folder)
    theirs = pipeline("depth-estimation", model=parts[0], image_processor=parts[1])
    mapped = opened(folder).apply(images)
    assert mapped.shape == images.shape
    assert (mapped == mapped[..., :1]).all()
    assert (mapped.min(axis=(1, 2, 3)) == 0).all()
    assert (mapped.max(axis=(1, 2, 3)) == 255).all()
    for image, shown in zip(images, mapped, strict=True):
        depth = theirs(Image.fromarray(image))["predicted_depth"].double().numpy()
        wanted = (depth - depth.min()) / (depth.max() - depth.min()) * 255
        assert np.abs(shown[..., 0] - wanted).max() < 0.51


def test_depth_passes_the_interface_check(folder: Path) -> None:
    assert [finding.problem for finding in check_transform(lambda: opened(folder))] == [None] * 9


def test_flat_and_broken_depth(folder: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = opened(folder)
    call = type(depth.model).forward

    def always(value: float) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            output["predicted_depth"] = torch.full_like(output["predicted_depth"], value)
            return output

        return forward

    monkeypatch.setattr(type(depth.model), "forward", always(7))
    assert (depth.apply(crops[:1]) == 0).all()
    monkeypatch.setattr(type(depth.model), "forward", always(np.nan))
    with pytest.raises(DataError, match=r"depth that is not finite in torch\.float32; set numerics\.dtype: float32"):
        depth.apply(crops[:1])


def test_the_number_format_is_that_of_the_numerics(folder: Path, crops: np.ndarray) -> None:
    coarse = Depth(model=str(folder)).open(Numerics(dtype="bfloat16")).apply(crops[:2])
    assert 0 < np.abs(coarse - opened(folder).apply(crops[:2]).astype(float)).mean() < 20


def test_content_depends_on_weights_and_processor_not_on_the_path(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    before = content_of(Depth(model=str(folder)))
    assert content_of(Depth(model=str(moved))) == before
    assert str(folder) not in json.dumps(before)
    settings = json.loads((moved / "preprocessor_config.json").read_text())
    (moved / "preprocessor_config.json").write_text(json.dumps(settings | {"do_normalize": False}))
    assert content_of(Depth(model=str(moved))) != before


def test_default_is_the_model_of_the_paper() -> None:
    assert content_of(Depth()) == content_of(Depth(model="large")) == content_of(Depth(model=DEPTH_MODELS["large"]))
    assert content_of(Depth())["model"]["hub"] == "depth-anything/Depth-Anything-V2-Large-hf"
    assert content_of(Depth(model="small")) != content_of(Depth())


def test_unknown_names_are_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown depth model 'larg'; did you mean 'large'"):
        content_of(Depth(model="larg"))
    with pytest.raises(UnknownNameError, match="or a folder with"):
        Depth(model=str(tmp_path)).open(Numerics())


def test_missing_weights_are_a_one_line_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        DataError, match=r"cannot load the depth model 'depth-anything/.*not on this machine.*`hf download depth-any"
    ) as error:
        Depth().open(Numerics())
    assert "\n" not in str(error.value)


def refused(folder: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        opened(folder)
    assert "\n" not in str(error.value)
    assert "'model'" in str(error.value)


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "model"))


def test_a_model_that_does_not_estimate_depth_is_refused(changed: Path) -> None:
    (changed / "config.json").write_text('{"model_type": "bert"}')
    refused(changed, "not a depth-estimation model of transformers")


def test_images_pass_in_batches_of_one_size_and_do_not_depend_on_each_other(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 40, 56, 3), np.uint8)
    depth = Depth(model=str(folder)).open(Numerics())
    assert isinstance(depth, DepthMap)
    counts: list[int] = []
    depth.model.register_forward_pre_hook(
        lambda _, __, inputs: counts.append(len(inputs["pixel_values"])), with_kwargs=True
    )
    together = depth.apply(images)
    assert counts == [8, 8]
    assert (together == np.concatenate([depth.apply(image[None]) for image in images])).all()
    assert (depth.apply(images[::-1]) == together[::-1]).all()
