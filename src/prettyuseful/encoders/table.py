"""The encoders that study files can name, and what describes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from prettyuseful.encoders.base import Encoder
from prettyuseful.numerics import Numerics
from prettyuseful.registry import Registry

WeightsKind = Literal["none", "model", "file", "timm"]
MakeEncoder = Callable[[str | None, Numerics], Encoder]


@dataclass(frozen=True)
class EncoderRow:
    """One encoder. Your own is such a row in a file of yours, which a study names as `file.py:OBJECT`.

    `make`: called with the place of the weights (None without any) and the numerics, it returns the encoder; or the
    "module:attribute" of such a function, which is imported when it is needed.
    `weights`: what a study can give as weights: `none`; a `model`, as a hub id or a folder; a `file`; or `timm`, a
    file or hub id in place of timm's own weights. `default_weights`: those without it; where there are none, a study
    has to give them, and `example` shows how.
    `words`: what reports say of it, {} being the name of the weights; by default the summary.
    `reads_texts`: whether texts have features in the same space, see `TextEncoder`.
    `trained_here`: whether it is the classifier that the study trains on real images, which `make` does not make.
    """

    name: str
    summary: str
    make: MakeEncoder | str
    weights: WeightsKind = "none"
    default_weights: str | None = None
    example: str = ""
    words: str = ""
    reads_texts: bool = False
    trained_here: bool = False

    @property
    def needs_weights(self) -> bool:
        """Whether a study has to give them."""
        return self.weights in ("model", "file") and self.default_weights is None


def _clip(name: str, model: str, values: int) -> EncoderRow:
    return EncoderRow(
        name=name,
        summary=f"{model}, {values} values, texts too",
        make="prettyuseful.encoders.hub:Clip",
        weights="model",
        default_weights=model,
        words="{}",
        reads_texts=True,
    )


def _dinov2(name: str, model: str, values: int) -> EncoderRow:
    return EncoderRow(
        name=name,
        summary=f"{model}, {values} values: the class token",
        make="prettyuseful.encoders.hub:Dinov2",
        weights="model",
        default_weights=model,
        words="class token of {}",
    )


ENCODERS = Registry(
    "encoder",
    EncoderRow,
    (
        EncoderRow(
            name="real-trained",
            summary="the task's own classifier: the study's first, trained on real images; no download",
            make="prettyuseful.encoders.real_trained:RealTrained",
            trained_here=True,
        ),
        _clip("clip-vit-b-32", "openai/clip-vit-base-patch32", 512),
        _clip("clip-vit-l-14", "openai/clip-vit-large-patch14", 768),
        _dinov2("dinov2-b-14", "facebook/dinov2-base", 768),
        _dinov2("dinov2-l-14", "facebook/dinov2-large", 1024),
        EncoderRow(
            name="inception",
            summary="FID's, 2048 values; needs pytorch-fid's file of weights",
            make="prettyuseful.encoders.inception:Inception",
            weights="file",
            example="pytorch-fid's file: {name: inception, weights: pt_inception-2015-12-05-6726825d.pth}",
            words="FID's Inception, 2048 values after the last pooling",
        ),
    ),
)
REAL_TRAINED = next(row.name for row in ENCODERS if row.trained_here)
EVERY_TIMM_ID = "any timm id, such as resnet50 or vit_base_patch16_224: the features before its last layer"


def timm_row(name: str) -> EncoderRow:
    """The row of a timm id."""

    def make(weights: str | None, numerics: Numerics) -> Encoder:
        from prettyuseful.encoders.timm_models import TimmModel

        return TimmModel(name, weights, numerics)

    return EncoderRow(name=name, summary=EVERY_TIMM_ID, make=make, weights="timm", words=f"timm's {name}")
