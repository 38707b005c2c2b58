"""The models behind the learned scores: CLIP models with what turns their features into a number, and questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_CLIP_L_14 = "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41"
INPUT = "short side resized to 224 px (bicubic), then the central square"


Layout = Literal["linear", "mlp"]
"""`linear`: one layer, `weight` (1, d) and `bias` (1,), as version 1. `mlp`: five layers, as version 2."""


@dataclass(frozen=True)
class HeadFile:
    """A file with a head.

    Attributes:
        layout: its layers.
        file: its name.
        repository: the hub id, with commit, of the default; None if the file is not on the hub, and must be given.
        origin: where the file was published.
    """

    layout: Layout
    file: str
    repository: str | None
    origin: str


@dataclass(frozen=True, kw_only=True)
class ScoreModel:
    """A CLIP model, and what turns its features into one number per image.

    Attributes:
        encoder: name of the encoder.
        weights: its weights, a hub id with commit.
        reads: what is compared with the features of an image: a `head`; a `pair` of opposite texts; or the `prompt` of
            the image.
        licence: of the code and of the weights.
        head: with `reads="head"`.
        pair: with `reads="pair"`, the texts; the score is the probability of the first.
        scaled: with `reads="prompt"`, whether cosine similarities are multiplied by the logit scale of the model.
        size: of the input, and how images are brought to it.
    """

    encoder: str
    weights: str
    reads: Literal["head", "pair", "prompt"]
    licence: str
    head: HeadFile | None = None
    pair: tuple[str, str] | None = None
    scaled: bool = True
    size: str = INPUT


@dataclass(frozen=True, kw_only=True)
class QuestionModel:
    """A vision-language model that is asked about each image; the score is the probability of the answer yes.

    Attributes:
        question: with {text} for the text of the image. The answer is yes or no.
        short_side: larger images are downscaled to it, in pixels.
        licence: of the code and of the weights.
    """

    question: str
    short_side: int
    licence: str


@dataclass(frozen=True, kw_only=True)
class ClassifierModel:
    """A pretrained ImageNet classifier; the score is the probability that it gives to the class of the image.

    Attributes:
        classifier: the default, an encoder of timm.
        licence: of the code and of the weights.
        size: of the input, and how images are brought to it.
    """

    classifier: str
    licence: str
    size: str


LAION_V1 = ScoreModel(
    encoder="clip-vit-l-14",
    weights=_CLIP_L_14,
    reads="head",
    head=HeadFile("linear", "sa_0_4_vit_l_14_linear.pth", None, "LAION-AI/aesthetic-predictor on GitHub"),
    licence="code and head MIT; CLIP MIT",
)
LAION_V2 = ScoreModel(
    encoder="clip-vit-l-14",
    weights=_CLIP_L_14,
    reads="head",
    head=HeadFile(
        "mlp",
        "aesthetic-model.pth",
        "trl-lib/ddpo-aesthetic-predictor@cf4bd10345610935a80a5d3be9a3133c50f121e4",
        "christophschuhmann/improved-aesthetic-predictor on GitHub, sac+logos+ava1-l14-linearMSE.pth",
    ),
    licence="code and head Apache-2.0; CLIP MIT",
)
CLIP_IQA = ScoreModel(
    encoder="clip-vit-l-14",
    weights=_CLIP_L_14,
    reads="pair",
    pair=("Good photo.", "Bad photo."),
    licence="CLIP MIT; computed from the paper's formula",
)
PICKSCORE = ScoreModel(
    encoder="clip-vit-h-14",
    weights="yuvalkirstain/PickScore_v1@a4e4367c6dfa7288a00c550414478f865b875800",
    reads="prompt",
    licence="code MIT; weights: see the model's card",
)
HPS_V2_1 = ScoreModel(
    encoder="clip-hps-v2.1",
    weights="xswu/HPSv2@697403c78157020a1ae59d23f111aa58ced35b0a",
    reads="prompt",
    scaled=False,
    size="long side resized to 224 px (bicubic), black borders",
    licence="code and weights Apache-2.0",
)
VQASCORE = QuestionModel(
    question='Does this figure show "{text}"? Please answer yes or no.',
    short_side=512,
    licence="that of the model that you give; computed from the paper's description",
)
AGREEMENT = ClassifierModel(
    classifier="efficientnet-lite0",
    licence="code and weights Apache-2.0",
    size="short side resized to 256 px (bicubic), then the central square of 224 px",
)
